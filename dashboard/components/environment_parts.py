"""What an environment printed, what its builds printed, and its versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import data
from dashboard.components.frame import heading, live
from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import badge, look_of
from dashboard.components.tables import count_column, rows_table, text_column
from dashboard.components.wording import ago, counted, lasting
from hud.wire.platform import BuildRecord, EnvironmentVersion, Offer

LIVE_SECONDS = 1.0
MANY = 5
"""Builds from which their table scrolls."""
TAIL = 400
"""Lines of a log that are shown, from its end."""
LOG_HEIGHT = 460
BUILD_COLUMNS = {
    "status": text_column("Status"),
    "cause": text_column("Cause"),
    "image": text_column("Image"),
    "time": text_column("Time"),
    "when": text_column("When"),
}
VERSION_COLUMNS = {
    "version": count_column("Version"),
    "made": text_column("Made"),
    "scenarios": count_column("Scenarios"),
    "tools": count_column("Tools"),
    "image": text_column("Image"),
    "source": text_column("Source"),
}
Part = Callable[[str, Offer], None]
Action = Callable[[], object]


@live(LIVE_SECONDS)
def show_log(name: str) -> None:
    """The environment's log, following its end."""
    page = data.environment_log(name)
    with st.container(border=True):
        heading("Log", f"{counted(page.next, 'line')}, live")
        _tail(page.lines, "It has printed nothing yet")


@live(LIVE_SECONDS)
def show_builds(name: str) -> None:
    """Its builds; what the chosen one, or the newest, printed."""
    builds = data.builds(name)
    with st.container(border=True):
        heading("Builds", counted(len(builds), "build") if builds else "")
        if not builds:
            st.caption("No image was built for it: what has no Dockerfile runs as a process")
            return
        rows = [_build_row(build) for build in builds]
        chosen = rows_table(rows, "builds", BUILD_COLUMNS, can_open=True, most=MANY)
        _build(builds[chosen or 0])


def show_versions(name: str) -> None:
    """The registered versions, the newest first."""
    versions = data.versions(name)
    with st.container(border=True):
        heading("Versions", counted(len(versions), "version") if versions else "")
        if not versions:
            st.caption("None is registered: rollouts start what the folder holds. This makes one:")
            st.code(f"hud deploy environments/{cleaned(name)}", language="bash")
            return
        rows_table([_version_row(version) for version in versions], "versions", VERSION_COLUMNS)


def _build_row(build: BuildRecord) -> dict[str, str]:
    return {
        "status": look_of(build.status).word,
        "cause": cleaned(build.cause),
        "image": cleaned(build.image or ""),
        "time": lasting(build.seconds),
        "when": ago(build.started_at),
    }


def _build(build: BuildRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(look_of(build.status))
        st.caption(f"{escaped(build.cause, 200)} · {ago(build.started_at)}", width="stretch")
    if build.error:
        st.error(escaped(build.error, 800), icon=":material/error:")
        if build.hint:
            st.caption(f"→ {escaped(build.hint, 400)}")
    if build.detail:
        st.code(cleaned(build.detail), language=None, height=200)
    _tail(data.build_log(build.id).lines, "Nothing was printed")


def _tail(lines: Sequence[str], nothing: str) -> None:
    """The end of a log in a box of one height, scrolled to its last line."""
    text = "\n".join(cleaned(line) for line in lines[-TAIL:])
    with st.container(height=LOG_HEIGHT, border=False, autoscroll=True):
        if text:
            st.code(text, language=None, wrap_lines=True)
        else:
            st.caption(nothing)


def _version_row(version: EnvironmentVersion) -> dict[str, str | int]:
    return {
        "version": version.number,
        "made": ago(version.created_at),
        "scenarios": len(version.scenarios),
        "tools": len(version.tools),
        "image": cleaned(version.image or "a process"),
        "source": cleaned(version.source[:12]),
    }

"""The phases of `hud debug`, on an environment or an image: live, with evidence and remedy.

`?run=ID` shows one examination.
"""

from __future__ import annotations

import json
import shlex

import streamlit as st

from dashboard import data
from dashboard.components.content import show_text
from dashboard.components.frame import header, heading, live, show_error
from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import WAITING, Look, badge, look_of
from dashboard.components.tables import rows_table, text_column
from dashboard.components.wording import ago, counted, lasting
from hud.errors import HudError
from hud.wire.platform import DebugRecord, DebugRequest, PhaseRecord

TITLES = (
    "Start",
    "MCP server responds to initialize",
    "Tool discovery",
    "Tool execution",
    "Scenario setup and grading",
    "Isolation",
    "Clean shutdown",
)
"""What phases are called before they have begun."""
LIVE_SECONDS = 1.0
MANY = 8
"""Runs from which their table scrolls."""
COLUMNS = {
    "target": text_column("Examined"),
    "ended": text_column("Ended"),
    "when": text_column("When"),
    "time": text_column("Time"),
}


def _show() -> None:
    run = st.query_params.get("run")
    header("Debugger", "is it an environment that agents can work in?")
    left, right = st.columns([2, 3])
    with left:
        _form(run)
        _history()
    with right:
        if run is None:
            _what_it_does()
        elif data.debug_run(run).status == "running":
            _watched(run)
        else:
            _examination(data.debug_run(run))


@live(None)
def _form(run: str | None) -> None:
    with st.container(border=True):
        heading("Examine")
        names = [record.name for record in data.environments()]
        examined = {record.id: record.target for record in data.debug_runs()}
        asked = st.query_params.get("target") or examined.get(run or "")
        if asked and asked not in names:
            names = [asked, *names]
        target = st.selectbox(
            "Environment, or image",
            names,
            index=names.index(asked) if asked else 0 if names else None,
            format_func=cleaned,
            accept_new_options=True,
            placeholder="an environment's name, or an image",
            key=f"target-{run}",
        )
        last = st.select_slider(
            "As far as phase", range(1, len(TITLES) + 1), len(TITLES), key="last-phase"
        )
        if st.button("Run", type="primary", icon=":material/play_arrow:", disabled=not target):
            _start(str(target), int(last))


def _start(target: str, last: int) -> None:
    try:
        record = data.client().start_debug_run(DebugRequest(target=target, max_phase=last))
    except HudError as exc:
        show_error(exc)
        return
    _open(record.id)


def _open(run: str) -> None:
    data.forget()
    st.query_params["run"] = run
    st.rerun(scope="app")


@live(2.0)
def _history() -> None:
    with st.container(border=True):
        runs = data.debug_runs()
        heading("Earlier runs", counted(len(runs), "run") if runs else "")
        if not runs:
            st.caption("What was examined is kept here, with its evidence")
            return
        chosen = rows_table(
            [_row(run) for run in runs], "debug-runs", COLUMNS, can_open=True, most=MANY
        )
        if chosen is not None and runs[chosen].id != st.query_params.get("run"):
            _open(runs[chosen].id)


def _row(run: DebugRecord) -> dict[str, str]:
    failed = [phase.number for phase in run.phases if phase.status == "failed"]
    word = look_of(run.status).word
    return {
        "target": cleaned(run.target),
        "ended": f"{word} at {failed[0]}" if failed else word,
        "when": ago(run.started_at),
        "time": lasting(run.seconds),
    }


@live(LIVE_SECONDS)
def _watched(run: str) -> None:
    record = data.debug_run(run)
    _examination(record)
    if record.status != "running":
        st.rerun(scope="app")


def _examination(record: DebugRecord) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escaped(record.target, 120)}**", width="content")
            st.caption(f"{ago(record.started_at)} · {lasting(record.seconds)}", width="stretch")
            if record.status == "running" and st.button("Cancel", type="tertiary"):
                _cancel(record.id)
            badge(look_of(record.status))
        if record.error:
            st.error(escaped(record.error, 800), icon=":material/error:")
            if record.hint:
                st.caption(f"→ {escaped(record.hint, 400)}")
        for phase in sorted(record.phases, key=lambda phase: phase.number):
            _phase(phase)
        if record.status == "running":
            for number in range(len(record.phases) + 1, len(TITLES) + 1):
                _waiting(number)
        st.code(f"hud debug {_place(record.target)}", language="bash")


def _place(target: str) -> str:
    """What `hud debug` calls it: an environment's folder, or the image itself."""
    folders = {item.name: item.folder for item in data.environments()}
    folder = folders.get(target)
    return cleaned(shlex.quote(f"environments/{folder}" if folder else target))


def _cancel(run: str) -> None:
    try:
        data.client().cancel_debug_run(run)
    except HudError as exc:
        show_error(exc)
        return
    data.forget()
    st.rerun(scope="app")


def _phase(phase: PhaseRecord) -> None:
    look = look_of(phase.status)
    with st.container(horizontal=True):
        with st.container(width=90):
            badge(look)
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"{phase.number} · {escaped(phase.title)}")
            if phase.notes:
                st.caption(" · ".join(escaped(note, 300) for note in phase.notes))
            for warning in phase.warnings:
                st.caption(f":orange[:material/warning:] {escaped(warning, 400)}")
        st.caption(lasting(phase.seconds) if phase.seconds else "", width="content")
    if phase.error:
        _failure(phase, look)


def _waiting(number: int) -> None:
    """A phase that was not reached yet, in the place that it will have."""
    with st.container(horizontal=True):
        with st.container(width=90):
            badge(WAITING)
        st.markdown(f"{number} · {TITLES[number - 1]}", width="stretch")


def _failure(phase: PhaseRecord, look: Look) -> None:
    with st.container(border=True):
        st.markdown(f":{look.color}[{escaped(phase.error, 1000)}]")
        if phase.fix:
            st.markdown(f":material/build: {escaped(phase.fix, 1000)}")
        for name, value in (phase.evidence or {}).items():
            st.caption(escaped(name))
            is_text = isinstance(value, str)
            show_text(value if is_text else json.dumps(value, indent=2, ensure_ascii=False), 16)


def _what_it_does() -> None:
    with st.container(border=True):
        heading("Seven phases, from starting it to playing a scenario")
        st.caption(
            "Each phase builds on the one before. The first that fails says what was seen "
            "and what to do about it. An environment without a Dockerfile is examined as "
            "a process; one with a Dockerfile, or an image, in a container."
        )
        st.caption("The same from a terminal:")
        st.code("hud debug environments/my-env", language="bash")


_show()

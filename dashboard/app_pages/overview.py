"""What runs and whether it is well, the last jobs, what needs attention, and the first steps."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from dashboard import data
from dashboard.components.frame import header, heading, live
from dashboard.components.places import go
from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import FAILED, PARTIAL, PASSED, Look, badge, look_of, served
from dashboard.components.tables import mean_column, rows_table, text_column
from dashboard.components.wording import ago, counted, lasting
from hud.wire import JobView
from hud.wire.platform import Check, EnvironmentRecord

LAST_JOBS = 8
REFRESH_SECONDS = 2.0
BADGE_WIDTH = 82
"""Pixels, so that texts beside badges stand below each other."""
RECENT_JOBS = 3
"""Of as many jobs failures are told."""
BEGINNER_JOBS = 2
"""Jobs up to which the first steps are shown."""
JOB_COLUMNS = {
    "job": text_column("Job", width="medium"),
    "status": text_column("Status"),
    "mean": mean_column(),
    "passed": text_column("Passed"),
    "failed": text_column("Failed"),
    "time": text_column("Time"),
    "when": text_column("When"),
}
FIRST_STEPS = (
    ("Make an environment: it is served while you write it", "hud init my-env --dir environments"),
    (
        "Evaluate its tasks: the oracle needs no model and no key",
        "hud eval environments/my-env/tasks.py oracle --full",
    ),
    (
        "Give a model's key, then let the model try",
        "hud set ANTHROPIC_API_KEY=…\nhud eval environments/my-env/tasks.py claude --full",
    ),
)


class Matter(NamedTuple):
    """Something that needs attention."""

    look: Look
    text: str
    hint: str | None
    page: str
    query: dict[str, str]


def _show() -> None:
    _title()
    _numbers()
    left, right = st.columns([3, 2])
    with left:
        _last_jobs()
        _attention()
        _first_steps()
    with right:
        _environments()


@live(REFRESH_SECONDS)
def _title() -> None:
    health = data.health()
    look = (
        PASSED._replace(word="well") if health.status == "ok" else PARTIAL._replace(word="degraded")
    )
    header("Overview", f"controller {health.version} · started {ago(health.started_at)}", look)


@live(REFRESH_SECONDS)
def _numbers() -> None:
    environments = data.environments()
    running = [item for item in environments if item.state == "running"]
    jobs = data.jobs(status="running", limit=50)
    waiting = sum(item.totals.expected - item.totals.ended for item in jobs.items)
    stored = data.storage()
    matters = _matters(environments)
    cards = st.columns(4)
    with cards[0]:
        tools = sum(item.tools for item in running)
        _card(
            "Environments running", f"{len(running)} of {len(environments)}", counted(tools, "tool")
        )
    with cards[1]:
        _card("Jobs running", f"{jobs.total:,}", counted(waiting, "rollout") + " to go")
    with cards[2]:
        _card("Rollouts kept", f"{stored.rollouts:,}", f"in {counted(stored.jobs, 'job')}")
    with cards[3]:
        failed = sum(matter.look is FAILED for matter in matters)
        _card(
            "Needs attention", str(len(matters)), f"{failed} failed" if failed else "nothing failed"
        )


def _card(label: str, value: str, note: str) -> None:
    with st.container(border=True, height="stretch", gap="xxsmall"):
        st.metric(label, value)
        st.caption(note)


@live(REFRESH_SECONDS)
def _last_jobs() -> None:
    with st.container(border=True):
        page = data.jobs(limit=LAST_JOBS)
        heading("Last jobs", counted(page.total, "job") + " in all" if page.total else "")
        if not page.items:
            st.caption("Nothing was evaluated yet")
            return
        rows = [_row(item) for item in page.items]
        chosen = rows_table(rows, "last-jobs", JOB_COLUMNS, can_open=True)
        if chosen is not None:
            go("jobs", job=page.items[chosen].job.id)
        st.page_link("app_pages/jobs.py", label="All jobs", icon=":material/arrow_forward:")


def _row(view: JobView) -> dict[str, object]:
    totals = view.totals
    ended = "" if totals.ended == totals.expected else f"{totals.ended} / {totals.expected}"
    return {
        "job": cleaned(view.job.name),
        "status": look_of(view.job.status).word + (f" {ended}" if ended else ""),
        "mean": totals.mean,
        "passed": f"{totals.passed} / {totals.scored}",
        "failed": str(totals.failed) if totals.failed else "",
        "time": lasting(view.job.seconds),
        "when": ago(view.job.created_at),
    }


@live(REFRESH_SECONDS)
def _environments() -> None:
    with st.container(border=True):
        heading("Environments")
        records = data.environments()
        if not records:
            st.caption("None yet. This makes one, and it appears here by itself:")
            st.code("hud init my-env --dir environments", language="bash")
        for record in records[:12]:
            _environment_line(record)
        if len(records) > 12:
            st.page_link("app_pages/environments.py", label=f"All {len(records)}")


def _environment_line(record: EnvironmentRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        with st.container(width="stretch"):
            st.page_link(
                "app_pages/environments.py",
                label=escaped(record.name, 60),
                query_params={"environment": record.name},
            )
        st.caption(counted(record.tools, "tool"), width="content")
        badge(served(record.state))


@live(REFRESH_SECONDS)
def _attention() -> None:
    with st.container(border=True):
        heading("Needs attention")
        matters = _matters(data.environments())
        if not matters:
            st.caption(":material/check: Nothing: everything that should run runs")
        for number, matter in enumerate(matters[:8]):
            _matter_line(matter, number)


def _matter_line(matter: Matter, number: int) -> None:
    with st.container(horizontal=True, wrap=False, key=f"matter-{number}"):
        with st.container(width=BADGE_WIDTH):
            badge(matter.look)
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(escaped(matter.text, 160))
            if matter.hint:
                st.caption(f"→ {escaped(matter.hint, 200)}")
        st.page_link(
            matter.page, label="Open", icon=":material/chevron_right:", query_params=matter.query
        )


def _matters(environments: list[EnvironmentRecord]) -> list[Matter]:
    """What needs attention, the worst first."""
    names = {record.name for record in environments}
    found = [_of_check(check, names) for check in data.doctor() if check.status != "ok"]
    for view in data.jobs(limit=LAST_JOBS).items[:RECENT_JOBS]:
        if view.totals.failed:
            failed = f"{counted(view.totals.failed, 'rollout')} of {view.job.name} failed"
            query = {"job": view.job.id}
            found.append(
                Matter(PARTIAL._replace(word="warning"), failed, None, "app_pages/jobs.py", query)
            )
    return sorted(found, key=lambda matter: matter.look.color != "red")


def _of_check(check: Check, names: set[str]) -> Matter:
    text = f"{check.name}: {check.message}"
    name = check.name.removeprefix("environment ")
    look = look_of(check.status)
    if name != check.name and name in names:
        page, query = "app_pages/environments.py", {"environment": name}
        return Matter(look, text, check.hint, page, query)
    return Matter(look, text, check.hint, "app_pages/settings.py", {})


@live(REFRESH_SECONDS)
def _first_steps() -> None:
    """What to do next, until there are a few results."""
    if data.jobs(limit=LAST_JOBS).total > BEGINNER_JOBS:
        return
    with st.container(border=True):
        heading("First steps")
        for number, (what, command) in enumerate(FIRST_STEPS, 1):
            st.caption(f"{number} · {what}")
            st.code(command, language="bash")


_show()

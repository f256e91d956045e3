"""Jobs: the list of evaluations, and one of them with its results, live and after."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components import job_results, job_runs
from dashboard.components.figures import arguments, moment, tokens
from dashboard.components.frame import header, live, show_error
from dashboard.components.places import go, going, link, param
from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import look_of
from dashboard.components.tables import (
    count_column,
    mean_column,
    page_shown,
    pager,
    rows_table,
    text_column,
    when_column,
)
from dashboard.components.wording import counted, lasting
from hud.errors import HudError
from hud.wire import JobView

PAGE = 20
TICK_SECONDS = 1.0
SLOW_TICK_SECONDS = 5.0
LARGE = 2000
"""Rollouts above which a job that runs is looked at less often."""
STATUSES = ("running", "finished", "cancelled")
VIEWS = ("Results", "Rollouts", "Failures", "About")


def show_list() -> None:
    """All jobs, page by page."""
    header("Jobs", "Evaluations that ran here, or were recorded here")
    filters = _filters()
    found = page_shown(lambda offset: data.jobs(offset=offset, limit=PAGE, **filters), PAGE, "page")
    if not found.total:
        _nothing(is_filtered=bool(filters))
        return
    chosen = rows_table(
        [_row(view) for view in found.items],
        "jobs",
        {
            "name": text_column("Job"),
            "status": text_column("Status", width="small"),
            "mean": mean_column("Mean reward"),
            "progress": text_column("Rollouts", width="small"),
            "failed": count_column("Failed"),
            "source": text_column("Tasks from"),
            "models": text_column("Agents"),
            "tokens": text_column("Tokens", width="small"),
            "time": text_column("Time", width="small"),
            "at": when_column("Started"),
        },
        can_open=True,
    )
    pager(found.total, PAGE, "page", "jobs")
    if chosen is not None:
        go("jobs", job=found.items[chosen].job.id)


def _filters() -> dict[str, Any]:
    with st.container(horizontal=True, vertical_alignment="center"):
        search = st.text_input(
            "Search", key="search", bind="query-params", width=280,
            placeholder="Part of a name or id", label_visibility="collapsed",
            icon=":material/search:",
        )  # fmt: skip
        taskset = st.selectbox(
            "Taskset", [record.name for record in data.tasksets()], index=None,
            format_func=cleaned, key="of", bind="query-params", width=240,
            placeholder="Any taskset", label_visibility="collapsed",
        )  # fmt: skip
        status = st.segmented_control(
            "Status", STATUSES, key="status", bind="query-params", label_visibility="collapsed"
        )
    given = {"search": search, "taskset": taskset, "status": status}
    return {name: value for name, value in given.items() if value}


def _nothing(*, is_filtered: bool) -> None:
    with st.container(border=True):
        if is_filtered:
            st.markdown("**No job fits these filters**")
            return
        st.markdown("**No evaluation yet**")
        st.caption("Run a taskset from its page, or from a terminal:")
        st.code("hud eval tasks.py oracle --full", language="bash")


def _row(view: JobView) -> dict[str, object]:
    job, totals = view.job, view.totals
    return {
        "name": cleaned(job.name),
        "status": look_of(job.status).word,
        "mean": totals.mean,
        "progress": f"{totals.ended:,} / {totals.expected:,}",
        "failed": totals.failed,
        "source": cleaned(view.taskset or job.source),
        "models": cleaned(", ".join(variant.name for variant in job.variants)),
        "tokens": tokens(totals.usage),
        "time": lasting(job.seconds),
        "at": job.created_at,
    }


def show_job(job_id: str) -> None:
    """One job; while it runs, the page follows it."""
    view = data.job(job_id)
    is_running = view.job.status == "running"
    _header(view)
    every = SLOW_TICK_SECONDS if view.totals.expected > LARGE else TICK_SECONDS

    @live(every if is_running else None)
    def following() -> None:
        now = data.job(job_id)
        if is_running and now.job.status != "running":
            st.rerun()
        _show(now)

    following()


def _header(view: JobView) -> None:
    job = view.job
    about = f"{view.taskset or job.source} · {moment(job.created_at)}"
    header(job.name, about, look_of(job.status))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("All jobs", icon=":material/arrow_back:", type="tertiary", on_click=going())
        if view.taskset:
            link(escaped(view.taskset), "tasksets", ":material/checklist:", taskset=view.taskset)
        st.space("stretch")
        _actions(view)


def _actions(view: JobView) -> None:
    job, totals = view.job, view.totals
    if view.is_remote and job.status == "running":
        if st.button("Cancel", icon=":material/stop_circle:", key="cancel"):
            _do(lambda: data.client().cancel_job(job.id))
    elif view.is_remote and totals.scored < totals.expected:
        label = f"Run {totals.expected - totals.scored:,} again"
        about = "Plays again what failed, was cancelled, or never ran"
        if st.button(label, icon=":material/replay:", key="rerun", help=about):
            _do(lambda: data.client().rerun_job(job.id))
    with st.popover("Download", icon=":material/download:"):
        quiet: dict[str, Any] = {"on_click": "ignore", "type": "tertiary"}
        table, lines = (
            partial(data.download, job.id, "csv"),
            partial(data.download, job.id, "jsonl"),
        )
        st.download_button("Tasks with rewards (CSV)", table, f"{job.id}.csv", "text/csv", **quiet)
        name = f"{job.id}.jsonl"
        st.download_button("Rollouts (JSON lines)", lines, name, "application/jsonl", **quiet)
    earlier = job_results.earlier(view)
    others = [job.id] if earlier is None else [earlier.job.id, job.id]
    link("Compare", "compare", ":material/balance:", job=others)


def _do(action: Callable[[], object]) -> None:
    try:
        action()
    except HudError as exc:
        show_error(exc)
        return
    data.forget()
    st.rerun()


def _show(view: JobView) -> None:
    totals = view.totals
    job_results.cards(view)
    if view.job.status == "running":
        share = totals.ended / totals.expected if totals.expected else 0.0
        st.progress(min(share, 1.0), f"{totals.ended:,} / {totals.expected:,} rollouts")
    chosen = st.segmented_control(
        "View", VIEWS, default=VIEWS[0], key="view", bind="query-params", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    match chosen:
        case "Rollouts":
            job_runs.show(view)
        case "Failures":
            job_results.failures(view)
        case "About":
            _about(view)
        case _:
            job_results.show(view)


def _about(view: JobView) -> None:
    job = view.job
    if job.command:
        st.caption("The command that started it")
        st.code(shlex.join(cleaned(part) for part in job.command), language="bash", wrap_lines=True)
    else:
        st.caption("Started from the dashboard or through the API; from a terminal it is")
        st.code(job_results.commands(view), language="bash", wrap_lines=True)
    facts = {
        "Id": job.id,
        "Tasks from": job.source,
        "Played in": job.environment or "the environment of each task",
        "Tasks": counted(len(job.tasks), "task"),
        "Runs of each": f"{job.group:,}",
        "Steps": f"at most {job.max_steps:,}",
        "Isolation": job.isolation,
        "Seed": job.seed or "–",
        "Passes from": f"{job.pass_threshold:g}",
        "Started": moment(job.created_at),
        "Took": lasting(job.seconds),
    }
    job_results.facts_table(facts)
    rows_table(
        [
            {
                "name": cleaned(variant.name),
                "agent": cleaned(variant.agent),
                "model": cleaned(variant.model or ""),
                "parameters": cleaned(arguments(variant.parameters)),
            }
            for variant in job.variants
        ],
        "agents",
        {
            "name": text_column("Agent"),
            "agent": text_column("Kind", width="small"),
            "model": text_column("Model"),
            "parameters": text_column("Parameters"),
        },
    )


job_id = param("job")
if job_id is None:
    show_list()
else:
    show_job(job_id)

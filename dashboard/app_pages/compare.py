"""Jobs side by side: whose rewards are higher, how sure that is, and on which tasks."""

from __future__ import annotations

import streamlit as st

from dashboard import data
from dashboard.components import comparing
from dashboard.components.frame import header
from dashboard.components.places import link, stay
from dashboard.components.plain import cleaned, escaped
from dashboard.components.wording import ago
from hud.wire import JobView

OFFERED = 100
"""How many of the newest jobs are offered."""
MAX_JOBS = 20


def show() -> None:
    """The jobs that the address names, compared."""
    header(
        "Compare", "Two or more jobs, task by task; the first is what the others are measured by"
    )
    jobs = _choice()
    if len(jobs) < 2:
        _invite(jobs)
        return
    comparing.show(data.compare(tuple(jobs)))


def _choice() -> list[str]:
    wanted = list(dict.fromkeys(st.query_params.get_all("job")))[:MAX_JOBS]
    known = {view.job.id: view for view in data.jobs(limit=OFFERED).items}
    for job in wanted:
        if job not in known:
            known[job] = data.job(job)

    def label(job: str) -> str:
        return _label(known[job]) if job in known else cleaned(job)

    key = "jobs-compared"
    if st.session_state.get(key) != wanted:
        st.session_state[key] = wanted
    return st.multiselect(
        "Jobs", list(known), format_func=label, key=key, max_selections=MAX_JOBS,
        placeholder="Choose jobs", label_visibility="collapsed",
        on_change=lambda: stay(job=list(st.session_state[key])),
    )  # fmt: skip


def _label(view: JobView) -> str:
    mean = view.totals.mean
    parts = [view.job.name, view.taskset or view.job.source, ago(view.job.created_at)]
    return cleaned(" · ".join(parts + ([f"{mean:.2f}"] if mean is not None else [])))


def _invite(jobs: list[str]) -> None:
    with st.container(border=True):
        title = "Choose another job" if jobs else "Choose two jobs or more"
        st.markdown(f"**{title}**")
        st.caption("Tasks are matched by slug, so that jobs of one taskset compare best.")
        if not jobs:
            _suggest()


def _suggest() -> None:
    by_taskset: dict[str, list[JobView]] = {}
    for view in data.jobs(limit=OFFERED).items:
        if view.taskset and view.totals.scored:
            by_taskset.setdefault(view.taskset, []).append(view)
    for taskset, views in by_taskset.items():
        if len(views) > 1:
            pair = [views[1].job.id, views[0].job.id]
            label = f"The last two of {escaped(taskset, 60)}"
            link(label, "compare", ":material/balance:", job=pair)


show()

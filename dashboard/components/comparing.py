"""A comparison: means with their intervals, differences with their tests, and tasks by change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components.charts import Change, ChangeCell, Mean, change_matrix, intervals
from dashboard.components.columns import Chosen, column_filters
from dashboard.components.figures import compact, mean, reward, signed
from dashboard.components.job_results import between
from dashboard.components.places import link
from dashboard.components.plain import cleaned, escaped
from dashboard.components.tables import (
    count_column,
    mean_column,
    page_shown,
    pager,
    rows_table,
    text_column,
)
from dashboard.components.wording import lasting
from hud.wire import ComparedTask, Comparison, PairedDifference

TASKS_PER_PAGE = 25
LEADERBOARD_WIDTH = 750
MEANS_WIDTH = 500
SAME = 1e-9
MAX_TRACES = 10
"""Traces of one task that one entry links to."""
SEPARATOR = " · "
"""Between a job's name and its variant's."""
CHANGES: tuple[Change, ...] = ("better", "same", "worse")


def show(found: Comparison) -> None:
    """The whole comparison."""
    labels = entry_labels(found)
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=LEADERBOARD_WIDTH):
            st.caption("Highest mean reward first")
            _leaderboard(found, labels)
        with st.container(width=MEANS_WIDTH):
            st.caption("Mean reward with its 95 % interval")
            _means(found, labels)
    _differences(found, labels)
    _tasks(found, labels)


def entry_labels(found: Comparison) -> list[str]:
    """A short name for each entry: the job's where jobs have one variant, else with the variant."""
    several = len(set(found.variants)) > 1 or len(set(found.jobs)) < len(found.jobs)
    labels = [
        cleaned(f"{name[:48]}{SEPARATOR}{variant}" if several else name[:60])
        for name, variant in zip(found.names, found.variants, strict=True)
    ]
    return [
        label if labels.count(label) == 1 else f"{label} #{place}"
        for place, label in enumerate(labels, start=1)
    ]


def _leaderboard(found: Comparison, labels: Sequence[str]) -> None:
    means = [item.reward.mean if item.reward else float("-inf") for item in found.leaderboard]
    order = sorted(range(len(labels)), key=means.__getitem__, reverse=True)
    rows = []
    for place in order:
        item = found.leaderboard[place]
        used = item.usage.input_tokens + item.usage.output_tokens
        rows.append(
            {
                "entry": labels[place],
                "mean": item.reward.mean if item.reward else None,
                "interval": between(item.reward),
                "pass": f"{item.pass_at[1]:.0%}" if 1 in item.pass_at else "–",
                "failed": item.failed,
                "tokens": compact(used) if used else "–",
                "time": lasting(item.seconds),
            }
        )
    columns = {
        "entry": text_column("Entry"),
        "mean": mean_column("Mean reward"),
        "interval": text_column("95 % interval", width="small"),
        "pass": text_column("pass@1", width="small"),
        "failed": count_column("Failed"),
        "tokens": text_column("Tokens", width="small"),
        "time": text_column("Time", width="small"),
    }
    rows_table(rows, "leaderboard", columns)


def _means(found: Comparison, labels: Sequence[str]) -> None:
    means = [
        Mean(
            name=label,
            series="",
            mean=item.reward.mean,
            low=item.reward.low,
            high=item.reward.high,
            count=item.reward.count,
        )
        for label, item in zip(labels, found.leaderboard, strict=True)
        if item.reward is not None
    ]
    if means:
        means.sort(key=lambda item: item["mean"], reverse=True)
        st.altair_chart(intervals(means), width="stretch")
    else:
        st.caption("No entry has a reward yet.")


def _differences(found: Comparison, labels: Sequence[str]) -> None:
    if not found.differences:
        return
    named = dict(zip(found.entries, labels, strict=False))
    first = escaped(labels[0], 80)
    st.caption(f"Difference to **{first}**, over the tasks that both have scored")
    rows_table(
        [_difference_row(item, named) for item in found.differences],
        "differences",
        {
            "entry": text_column("Entry"),
            "difference": text_column("Difference", width="small"),
            "interval": text_column("95 % interval"),
            "p": text_column("p", width="small"),
            "reading": text_column("Reading"),
            "better": count_column("Better"),
            "same": count_column("Same"),
            "worse": count_column("Worse"),
        },
    )


def _difference_row(item: PairedDifference, named: Mapping[str, str]) -> dict[str, Any]:
    found = item.difference
    return {
        "entry": named.get(item.second, cleaned(item.second)),
        "difference": "–" if found is None else signed(found.mean),
        "interval": "–" if found is None else f"{signed(found.low)} to {signed(found.high)}",
        "p": "–" if item.p_value is None else _p(item.p_value),
        "reading": reading(item),
        "better": item.better,
        "same": item.same,
        "worse": item.worse,
    }


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def reading(item: PairedDifference) -> str:
    """What a difference says, in words."""
    if item.difference is None or item.p_value is None:
        return "no task was scored by both"
    if item.p_value >= 0.05:
        return "could be chance"
    return "better" if item.difference.mean > 0 else "worse"


def change_between(first: float | None, now: float | None) -> Change | None:
    """Whether a mean is better, worse or the same."""
    if first is None or now is None:
        return None
    if abs(now - first) <= SAME:
        return "same"
    return "better" if now > first else "worse"


def _tasks(found: Comparison, labels: Sequence[str]) -> None:
    jobs = tuple(dict.fromkeys(found.jobs))
    filters = _filters(found)
    read = partial(data.compared_tasks, jobs, **filters, limit=TASKS_PER_PAGE)
    found_page = page_shown(lambda offset: read(offset=offset), TASKS_PER_PAGE, "tasks")
    page = found_page.items
    if not page:
        st.caption("No task fits these filters.")
        return
    with st.container(border=True):
        st.caption("Mean reward by task, the largest change first; a click shows the traces")
        chart = change_matrix(*_cells(found, page), can_choose=True)
        event = st.altair_chart(
            chart, key="changes", width="content", on_select="rerun", selection_mode="cell"
        )
        pager(found_page.total, TASKS_PER_PAGE, "tasks", "tasks")
    chosen = (event.get("selection") or {}).get("cell") or []
    clicked = [item.task for item in page if chosen and cleaned(item.task) == chosen[0].get("task")]
    if task := clicked[0] if clicked else st.query_params.get("task"):
        _traces(found, labels, task)


def _filters(found: Comparison) -> dict[str, Any]:
    with st.container(horizontal=True, vertical_alignment="center"):
        which = st.segmented_control(
            "Change", CHANGES, key="change", bind="query-params", label_visibility="collapsed",
        )  # fmt: skip
        search = st.text_input(
            "Search", key="search", bind="query-params", width=240, icon=":material/search:",
            placeholder="Part of a slug", label_visibility="collapsed",
        )  # fmt: skip
        chosen: Chosen = ()
        if found.columns:
            with st.popover("Columns", icon=":material/filter_list:"):
                chosen = column_filters(found.columns, (), "compared")
        parts = [f"{found.changes.get(name, 0):,} {name}" for name in CHANGES]
        st.caption(f"{', '.join(parts)} from the first entry to the last", width="content")
    filters: dict[str, Any] = {"columns": chosen}
    return filters | ({"change": which} if which else {}) | ({"search": search} if search else {})


def _cells(found: Comparison, page: Sequence[ComparedTask]) -> tuple[list[ChangeCell], list[str]]:
    names = [label.replace(SEPARATOR, "\n", 1) for label in entry_labels(found)]
    cells = [
        ChangeCell(
            task=cleaned(task.task),
            entry=name,
            mean=value,
            change=change_between(task.means[0], value) or "none",
            label=_with_change(task.means[0], value),
        )
        for task in page
        for name, value in zip(names, task.means, strict=False)
    ]
    return cells, names


def _with_change(first: float | None, value: float | None) -> str:
    if value is None or first is None or abs(value - first) <= SAME:
        return mean(value)
    return f"{mean(value)}\u2002{signed(value - first)}"


def _traces(found: Comparison, labels: Sequence[str], task: str) -> None:
    with st.container(border=True):
        st.markdown(f"**{escaped(task)}**")
        for place, column in enumerate(st.columns(min(len(labels), 4)) * len(labels)):
            if place >= len(labels):
                break
            with column:
                st.caption(escaped(labels[place], 80))
                _links(found.jobs[place], found.variants[place], task)


def _links(job: str, variant: str, task: str) -> None:
    page = data.rollouts(job=job, variant=variant, task=task, limit=MAX_TRACES, sort="started_at")
    if not page.items:
        st.caption("did not run")
    for record in sorted(page.items, key=lambda item: item.index):
        said = reward(record.reward) if record.status == "scored" else record.status
        label = f"run {record.index + 1} · {escaped(said)}"
        link(label, "trace", ":material/timeline:", job=job, rollout=record.id)
    if page.total > len(page.items):
        link(f"all {page.total:,}", "jobs", job=job, view="Rollouts")

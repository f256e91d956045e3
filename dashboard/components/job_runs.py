"""A job's rollouts, one row each, filtered and sorted by the controller."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components.figures import arguments, one_line, reward, tokens
from dashboard.components.places import go
from dashboard.components.plain import cleaned
from dashboard.components.status import look_of, look_of_reward
from dashboard.components.tables import page_shown, pager, rows_table, text_column, when_column
from dashboard.components.wording import lasting
from hud.wire import JobView, RolloutRecord

PAGE = 25
SORTS = {
    "-started_at": "Newest first",
    "started_at": "Oldest first",
    "reward": "Lowest reward",
    "-reward": "Highest reward",
    "-seconds": "Slowest first",
    "-tokens": "Most tokens",
    "task": "By task",
}
ENDINGS = ("scored", "failed", "cancelled")
BOUNDARIES = (
    "build", "start", "initialize", "setup", "agent", "provider", "environment", "limit", "grading",
)  # fmt: skip


def show(view: JobView) -> None:
    """The rollouts that have ended; a click opens the trace."""
    filters = _filters(view)
    table(filters | {"job": view.job.id}, threshold=view.job.pass_threshold)


def table(filters: dict[str, Any], *, threshold: float = 1.0, key: str = "rollouts") -> None:
    """One page of the rollouts that fit the filters, with their pager."""
    pages = f"{key}-page"
    found = page_shown(
        lambda offset: data.rollouts(**filters, offset=offset, limit=PAGE), PAGE, pages
    )
    if not found.total:
        st.caption("No rollout fits.")
        return
    chosen = rows_table(
        [_row(record, threshold) for record in found.items],
        key,
        {
            "task": text_column("Task", pinned=True),
            "variant": text_column("Agent"),
            "run": st.column_config.NumberColumn("Run", width="small"),
            "status": text_column("Ended", width="small"),
            "reward": text_column("Reward", width="small"),
            "answer": text_column("Answer or reason"),
            "args": text_column("Arguments"),
            "time": text_column("Time", width="small"),
            "tokens": text_column("Tokens", width="small"),
            "at": when_column("Started"),
        },
        can_open=True,
    )
    pager(found.total, PAGE, pages, "rollouts")
    if chosen is not None:
        record = found.items[chosen]
        go("trace", job=record.job_id, rollout=record.id)


def _filters(view: JobView) -> dict[str, Any]:
    variants = [variant.name for variant in view.job.variants]
    quiet: dict[str, Any] = {"bind": "query-params", "label_visibility": "collapsed"}
    with st.container(horizontal=True, vertical_alignment="center"):
        status = st.segmented_control("Ended", ENDINGS, key="ended", **quiet)
        variant = st.selectbox(
            "Agent", variants, index=None, key="agent", format_func=cleaned, width=220,
            placeholder="Any agent", **quiet,
        )  # fmt: skip
        boundary = st.selectbox(
            "Failed at", BOUNDARIES, index=None, key="cause", width=180,
            placeholder="Any cause", **quiet,
        )  # fmt: skip
        sort = st.selectbox(
            "Order", list(SORTS), format_func=SORTS.__getitem__, key="sort", width=180, **quiet
        )
    given = {"status": status, "variant": variant, "boundary": boundary, "sort": sort}
    return {name: value for name, value in given.items() if value}


def _row(record: RolloutRecord, threshold: float) -> dict[str, Any]:
    is_scored = record.status == "scored"
    look = look_of_reward(record.reward, threshold) if is_scored else look_of(record.status)
    said = record.answer if is_scored else record.error
    return {
        "task": cleaned(record.task),
        "variant": cleaned(record.variant),
        "run": record.index + 1,
        "status": look.word
        if is_scored
        else f"{look.word}: {record.boundary}"
        if record.boundary
        else look.word,
        "reward": reward(record.reward),
        "answer": cleaned(one_line(said))[:300] if said is not None else "",
        "args": cleaned(arguments(record.args))[:300],
        "time": lasting(record.seconds),
        "tokens": tokens(record.usage),
        "at": record.started_at,
    }

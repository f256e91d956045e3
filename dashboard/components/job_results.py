"""A job's results: its numbers, rewards by task and run, and why rollouts failed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components.charts import Cell, Mean, intervals, reward_matrix
from dashboard.components.columns import Chosen, column_filters
from dashboard.components.figures import compact, mean, reward
from dashboard.components.places import go, link
from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import look_of_reward
from dashboard.components.tables import (
    count_column,
    mean_column,
    page_shown,
    pager,
    rows_table,
    text_column,
)
from dashboard.components.wording import counted, lasting
from hud.wire import (
    FailureGroup,
    Interval,
    JobResults,
    JobTask,
    JobView,
    TaskOrder,
    TaskResult,
    VariantResult,
)
from hud.wire.tasksets import Column

TASKS_PER_PAGE = 20
PASSES = (1, 2, 4, 5, 8, 10, 16, 32, 64, 100)
"""For which k the table has pass@k."""
MAX_CELLS = 30
"""Cells of a row of the matrix; of more runs the first are shown."""
MAX_RUNS = 15
MAX_SERIES = 2
"""Agents up to which the means of a task are drawn in one row."""
MEANS_WIDTH = 480
SHOWS = {
    "all": "All tasks",
    "open": "Not all passed",
    "mixed": "Sometimes passed",
    "failed": "With failures",
}
ORDERS = {"job": "Job's order", "low": "Lowest first", "high": "Highest first", "name": "Name"}
SORTS: dict[str, TaskOrder] = {"job": "position", "low": "mean", "high": "-mean", "name": "task"}
EXAMPLES = 6
CAUSES = {
    "build": "the image could not be built",
    "start": "the environment did not start",
    "initialize": "the environment did not answer",
    "setup": "the scenario could not be set up",
    "agent": "the agent broke",
    "provider": "the model's provider refused or failed",
    "environment": "the environment broke while it was used",
    "limit": "a limit of time or size was reached",
    "grading": "the answer could not be graded",
}


def earlier(view: JobView) -> JobView | None:
    """The job of the same taskset before this one, if it has rewards."""
    if view.taskset is None:
        return None
    known = data.scored_jobs(view.taskset)
    place = known.index(view.job.id) + 1 if view.job.id in known else len(known)
    return data.job(known[place]) if place < len(known) else None


def cards(view: JobView) -> None:
    """The job's numbers; compared with the job before where there is one."""
    totals, before = view.totals, earlier(view)
    columns = st.columns(4)
    share = totals.passed / totals.scored if totals.scored else None
    change = _change(totals.mean, before.totals.mean if before else None)
    about = f"than {escaped(before.job.name, 40)}" if before and change is not None else None
    columns[0].metric(
        "Mean reward", mean(totals.mean), change, border=True, height="stretch",
        delta_description=about,
    )  # fmt: skip
    columns[1].metric(
        "Passed", f"{totals.passed:,} of {totals.scored:,}", border=True, height="stretch",
        delta=None if share is None else f"{share:.0%}", delta_arrow="off", delta_color="off",
    )  # fmt: skip
    lost = totals.failed + totals.cancelled
    parts = f"{totals.failed:,} failed, {totals.cancelled:,} cancelled" if lost else "none lost"
    columns[2].metric(
        "Without reward", f"{lost:,} of {totals.expected:,}", parts, border=True,
        height="stretch", delta_arrow="off", delta_color="off",
    )  # fmt: skip
    used = totals.usage.input_tokens + totals.usage.output_tokens
    spent = f"{compact(used)} tokens" if used else "no tokens"
    columns[3].metric(
        "Time", lasting(_seconds(view)), spent, border=True, height="stretch",
        delta_arrow="off", delta_color="off",
    )  # fmt: skip


def _seconds(view: JobView) -> float | None:
    if view.job.status == "running":
        return max(0.0, (datetime.now(UTC) - view.job.created_at).total_seconds())
    return view.job.seconds


def _change(now: float | None, before: float | None) -> str | None:
    return None if now is None or before is None else f"{now - before:+.2f}"


def show(view: JobView) -> None:
    """Agents in a table; below it rewards by task and run, page by page."""
    found = data.results(view.job.id)
    if not found.tasks:
        st.caption("No task belongs to this job, so there is nothing to show.")
        return
    _variants(found)
    _matrix(found)


def _variants(found: JobResults) -> None:
    sizes = sorted(
        {1} | {size for item in found.variants for size in item.pass_at if size in PASSES}
    )
    columns = {
        "variant": text_column("Agent"),
        "mean": mean_column("Mean reward"),
        "interval": text_column("95 % interval", width="small"),
        **{f"pass@{size}": text_column(f"pass@{size}", width="small") for size in sizes},
        "failed": count_column("Failed"),
        "tokens": text_column("Tokens", width="small"),
        "time": text_column("Time", width="small"),
    }
    rows_table([_variant_row(item, sizes) for item in found.variants], "variants", columns)


def _variant_row(item: VariantResult, sizes: Sequence[int]) -> dict[str, object]:
    used = item.usage.input_tokens + item.usage.output_tokens
    shares = {size: item.pass_at.get(size) for size in sizes}
    return {
        "variant": cleaned(item.variant),
        "mean": item.reward.mean if item.reward else None,
        "interval": between(item.reward),
        **{f"pass@{k}": "–" if share is None else f"{share:.0%}" for k, share in shares.items()},
        "failed": item.failed,
        "tokens": compact(used) if used else "–",
        "time": lasting(item.seconds),
    }


def between(interval: Interval | None) -> str:
    """An interval's ends; a dash where there is none."""
    return "–" if interval is None else f"{interval.low:.2f} – {interval.high:.2f}"


def _matrix(found: JobResults) -> None:
    job = found.view.job
    filters = _filters(found.columns) | {"runs": _runs_shown(len(found.variants))}
    read = partial(data.job_tasks, job.id, **filters, limit=TASKS_PER_PAGE)
    page = page_shown(lambda offset: read(offset=offset), TASKS_PER_PAGE, "tasks")
    if not page.total:
        st.caption("No task fits these filters.")
        return
    with st.container(border=True):
        with st.container(horizontal=True, gap="medium"):
            with st.container(width="content"):
                st.caption("Reward of each run; a click opens its trace")
                _cells(found, page.items)
            with st.container(width=MEANS_WIDTH):
                st.caption("Mean of each task with its 95 % interval")
                means = _means(page.items, _chosen_variant(found))
                if means:
                    rows = [cleaned(item.task) for item in page.items]
                    st.altair_chart(intervals(means, rows), width="stretch")
                else:
                    st.caption("No task has a reward yet.")
        pager(page.total, TASKS_PER_PAGE, "tasks", "tasks")


def _runs_shown(variants: int) -> int:
    """How many runs of each variant have room in a row of the matrix."""
    return max(1, min(MAX_RUNS, MAX_CELLS // max(variants, 1)))


def _chosen_variant(found: JobResults) -> str | None:
    """The agent that is chosen, where several would cover each other; None shows all."""
    names = list(dict.fromkeys(item.variant for item in found.variants))
    if len(names) <= MAX_SERIES:
        return None
    chosen: str = st.selectbox(
        "Agent", names, format_func=cleaned, key="means-of", label_visibility="collapsed"
    )
    return chosen


def _filters(schema: Mapping[str, Column]) -> dict[str, Any]:
    quiet: dict[str, Any] = {"bind": "query-params", "label_visibility": "collapsed"}
    with st.container(horizontal=True, vertical_alignment="center"):
        search = st.text_input(
            "Search", key="task", width=240, icon=":material/search:",
            placeholder="Part of a slug", **quiet,
        )  # fmt: skip
        which = st.selectbox(
            "Which", list(SHOWS), format_func=SHOWS.__getitem__, key="which", width=180, **quiet
        )
        order = st.selectbox(
            "Order", list(ORDERS), format_func=ORDERS.__getitem__, key="order", width=180, **quiet
        )
        chosen: Chosen = ()
        if schema:
            with st.popover("Columns", icon=":material/filter_list:"):
                chosen = column_filters(schema, (), "column")
    filters: dict[str, Any] = {"columns": chosen, "sort": SORTS[order]}
    return filters | ({"search": search} if search else {}) | _choice(which)


def _choice(which: str) -> dict[str, str]:
    return {} if which == "all" else {"which": which}


def _cells(found: JobResults, shown: Sequence[JobTask]) -> None:
    threshold = found.view.job.pass_threshold
    results = [(item.task, result) for item in shown for result in item.results]
    cells = [
        _cell(task, result, index, threshold)
        for task, result in results
        for index in range(len(result.statuses))
    ]
    chart = reward_matrix(cells, can_choose=True)
    event = st.altair_chart(
        chart, key="matrix", width="content", on_select="rerun", selection_mode="cell"
    )
    longest = max(result.runs for _, result in results)
    runs = max(len(result.statuses) for _, result in results)
    if longest > runs:
        st.caption(f"The first {runs} of {longest:,} runs; all of them are under Rollouts.")
    chosen = (event.get("selection") or {}).get("cell") or []
    if chosen:
        _open(found.view.job.id, results, chosen[0])


def _open(
    job_id: str, results: Sequence[tuple[str, TaskResult]], chosen: Mapping[str, object]
) -> None:
    run = chosen.get("run")
    for task, result in results:
        is_chosen = (cleaned(task), cleaned(result.variant)) == (
            chosen.get("task"),
            chosen.get("variant"),
        )
        if is_chosen and isinstance(run, int | float) and result.statuses[int(run) - 1]:
            go("trace", job=job_id, rollout=f"{task}.{result.variant}.{int(run) - 1}")


def _cell(task: str, item: TaskResult, index: int, threshold: float) -> Cell:
    value, status = item.rewards[index], item.statuses[index]
    return Cell(
        task=cleaned(task),
        variant=cleaned(item.variant),
        run=index + 1,
        reward=value,
        status=look_of_reward(value, threshold).word if status == "scored" else status or "waiting",
        label=reward(value)
        if status == "scored"
        else {"failed": "×", "cancelled": "–"}.get(status or "", ""),
    )


def _means(shown: Sequence[JobTask], variant: str | None) -> list[Mean]:
    wanted = [
        (item.task, result)
        for item in shown
        for result in item.results
        if variant in (None, result.variant) and result.reward is not None
    ]
    several = variant is None and any(len(item.results) > 1 for item in shown)
    return [
        Mean(
            name=cleaned(task),
            series=cleaned(result.variant) if several else "",
            mean=result.reward.mean,
            low=result.reward.low,
            high=result.reward.high,
            count=result.reward.count,
        )
        for task, result in wanted
        if result.reward is not None
    ]


def failures(view: JobView) -> None:
    """Why rollouts ended without a reward: where, the reason, how often, and some of them."""
    found = data.results(view.job.id)
    if not found.failures:
        with st.container(border=True):
            st.markdown("**Nothing failed**")
            st.caption("Rollouts that fail are listed here by cause. They never count as reward 0.")
        return
    st.caption("Failed rollouts have no reward, so that none of these counts in a mean.")
    for group in found.failures:
        _failure(view.job.id, group)


def _failure(job_id: str, group: FailureGroup) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(escaped(group.boundary), icon=":material/error:", color="red")
            st.caption(escaped(CAUSES.get(group.boundary, "")), width="stretch")
            st.markdown(f"**{counted(group.count, 'rollout')}**", width="content")
        st.code(cleaned(group.error), language=None, wrap_lines=True)
        with st.container(horizontal=True):
            for rollout in group.rollouts[:EXAMPLES]:
                link(
                    escaped(rollout, 60),
                    "trace",
                    ":material/timeline:",
                    job=job_id,
                    rollout=rollout,
                )


def facts_table(facts: Mapping[str, str]) -> None:
    """Names and values, one below the other."""
    for name, value in facts.items():
        with st.container(horizontal=True, gap="small"):
            st.caption(name, width=120)
            st.text(cleaned(value), width="stretch")


def commands(view: JobView) -> str:
    """The commands that would play such a job at the controller, a line for each variant."""
    job = view.job
    rest = ["--full", "--group-size", str(job.group), "--max-steps", str(job.max_steps)]
    rest += ["--seed", job.seed] if job.seed else []
    rest += ["--remote"] + (["--env", job.environment] if job.environment else [])
    lines = []
    for variant in job.variants:
        model = ["--model", variant.model] if variant.model else []
        parts = ["hud", "eval", job.source, variant.agent, *model, *rest]
        lines.append(shlex.join(cleaned(part) for part in parts))
    return "\n".join(lines)

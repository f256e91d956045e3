"""A job's results and jobs side by side, from the hot table alone: no transcript is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from controller.store.jobs import job_row, view
from controller.store.tables import rollout_records, rollouts
from hud.eval.statistics import interval, p_value, paired_interval, pass_at
from hud.types import ColumnValue, Usage
from hud.wire import (
    ComparedTask,
    Comparison,
    FailureGroup,
    JobRecord,
    JobResults,
    PairedDifference,
    RolloutRecord,
    TaskResult,
    VariantResult,
)

TOLERANCE = 1e-9
MAX_GROUPS = 100
"""Groups of failures that are listed."""
MAX_RUNS = 10_000
"""Runs of one task that its row shows."""
MAX_EXAMPLES = 20
"""Rollouts that a group of failures names."""


@dataclass
class Runs:
    """The runs of one task under one variant, by number."""

    rewards: dict[int, float] = field(default_factory=dict)
    statuses: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def mean(self) -> float | None:
        values = self.rewards.values()
        return sum(values) / len(values) if values else None


Table = dict[tuple[str, str], Runs]
"""Runs by task and variant."""


def results(connection: Connection, job_id: str) -> JobResults:
    """A job's results by task and by variant, and its failures by reason.

    Raises:
        NotFound: there is no such job.
    """
    row = job_row(connection, job_id)
    summary = view(row)
    table = _table(connection, row.pk)
    columns = _columns(connection, row.pk)
    order = _order(summary.job, table)
    return JobResults(
        view=summary,
        tasks=[_task(key, table.get(key, Runs()), columns, summary.job.group) for key in order],
        variants=_variants(connection, row, table, summary.job),
        failures=_failures(connection, row.pk),
    )


def _table(connection: Connection, job_pk: int) -> Table:
    row = rollouts.c
    query = select(row.task, row.variant, row.number, row.status, row.reward, row.seconds)
    table: Table = {}
    of_job = query.where(row.job_pk == job_pk).order_by(row.task, row.variant, row.number)
    for task, variant, number, status, reward, seconds in connection.execute(of_job).all():
        runs = table.get((task, variant))
        if runs is None:
            runs = table[task, variant] = Runs()
        runs.statuses[number] = status
        runs.seconds += seconds
        if reward is not None:
            runs.rewards[number] = reward
    return table


def _order(job: JobRecord, table: Table) -> list[tuple[str, str]]:
    """Tasks in the job's order, each under all variants; then what the job does not name."""
    planned = [(task, variant.name) for task in job.tasks for variant in job.variants]
    return list(dict.fromkeys([*planned, *table]))


def _task(
    key: tuple[str, str], runs: Runs, columns: dict[str, dict[str, ColumnValue]], group: int
) -> TaskResult:
    last = max((number for number in runs.statuses if number < MAX_RUNS), default=-1)
    known = range(max(min(group, MAX_RUNS), last + 1))
    return TaskResult(
        task=key[0],
        variant=key[1],
        rewards=[runs.rewards.get(number) for number in known],
        statuses=[runs.statuses.get(number) for number in known],
        reward=interval([list(runs.rewards.values())]),
        seconds=runs.seconds,
        columns=columns.get(key[0], {}),
    )


def _variants(
    connection: Connection, row: Row[Any], table: Table, job: JobRecord
) -> list[VariantResult]:
    sums = {found.variant: found for found in connection.execute(_sums(row.pk))}
    names = dict.fromkeys([*(variant.name for variant in job.variants), *sums])
    return [_variant(name, sums.get(name), table, row.threshold, job.group) for name in names]


def _sums(job_pk: int) -> Any:
    row = rollouts.c
    failed = func.count().filter(row.status == "failed").label("failed")
    totals = (
        func.sum(column).label(column.name)
        for column in (row.seconds, row.input_tokens, row.output_tokens, row.cached_tokens)
    )
    query = select(row.variant, failed, *totals).where(row.job_pk == job_pk)
    return query.group_by(row.variant).order_by(row.variant)


def _variant(
    name: str, sums: Row[Any] | None, table: Table, threshold: float, group: int
) -> VariantResult:
    rewards = [list(runs.rewards.values()) for key, runs in table.items() if key[1] == name]
    passed = [
        (len(values), sum(value >= threshold - TOLERANCE for value in values)) for values in rewards
    ]
    if sums is None:
        return VariantResult(variant=name)
    usage = Usage(
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        cached_tokens=sums.cached_tokens,
    )
    return VariantResult(
        variant=name,
        reward=interval(rewards),
        pass_at=pass_at(passed, min(group, 1000)),
        failed=sums.failed,
        usage=usage,
        seconds=sums.seconds,
    )


def _columns(connection: Connection, job_pk: int) -> dict[str, dict[str, ColumnValue]]:
    """Each task's columns, as one of its rollouts has them."""
    row = rollouts.c
    newest = (
        select(func.max(row.pk)).where(row.job_pk == job_pk, row.set_pk.is_not(None))
        .group_by(row.task)
    )  # fmt: skip
    query = select(rollout_records.c.record).where(rollout_records.c.rollout_pk.in_(newest))
    records = (RolloutRecord.model_validate_json(text) for text in connection.scalars(query))
    return {record.task: record.columns for record in records}


def _failures(connection: Connection, job_pk: int) -> list[FailureGroup]:
    row = rollouts.c
    of_job: list[ColumnElement[bool]] = [row.job_pk == job_pk, row.status == "failed"]
    counted = func.count().label("count")
    query = (
        select(row.boundary, row.reason, counted)
        .where(*of_job)
        .group_by(row.boundary, row.reason)
        .order_by(counted.desc(), row.boundary, row.reason)
        .limit(MAX_GROUPS)
    )
    return [
        FailureGroup(
            boundary=group.boundary or "environment",
            error=group.reason or "no reason given",
            count=group.count,
            rollouts=list(connection.scalars(_examples(of_job, group))),
        )
        for group in connection.execute(query).all()
    ]


def _examples(of_job: list[ColumnElement[bool]], group: Row[Any]) -> Any:
    row = rollouts.c
    same = [
        row.boundary.is_not_distinct_from(group.boundary),
        row.reason.is_not_distinct_from(group.reason),
    ]
    return select(row.id).where(*of_job, *same).order_by(row.pk).limit(MAX_EXAMPLES)


@dataclass
class Entry:
    """One variant of one compared job."""

    job_id: str
    result: VariantResult
    means: dict[str, float]
    """Mean reward by task that was scored."""
    tasks: list[str]

    @property
    def label(self) -> str:
        return f"{self.job_id} {self.result.variant}"


def compare(connection: Connection, job_ids: Sequence[str]) -> Comparison:
    """Jobs side by side, an entry for each of their variants, aligned by slug.

    Raises:
        NotFound: there is no such job.
    """
    entries: list[Entry] = []
    columns: dict[str, dict[str, ColumnValue]] = {}
    for job_id in dict.fromkeys(job_ids):
        row = job_row(connection, job_id)
        entries += _entries(connection, row)
        for task, values in _columns(connection, row.pk).items():
            columns.setdefault(task, values)
    slugs = dict.fromkeys(task for entry in entries for task in entry.tasks)
    return Comparison(
        entries=[entry.label for entry in entries],
        jobs=[entry.job_id for entry in entries],
        variants=[entry.result.variant for entry in entries],
        leaderboard=[entry.result for entry in entries],
        tasks=[_compared(slug, entries, columns) for slug in slugs],
        differences=[_difference(entries[0], entry) for entry in entries[1:]],
    )


def _entries(connection: Connection, row: Row[Any]) -> Iterable[Entry]:
    job = JobRecord.model_validate_json(row.record)
    table = _table(connection, row.pk)
    for result in _variants(connection, row, table, job):
        means = {
            task: runs.mean
            for (task, variant), runs in table.items()
            if variant == result.variant and runs.mean is not None
        }
        yield Entry(row.id, result, means, list(dict.fromkeys([*job.tasks, *means])))


def _compared(
    slug: str, entries: Sequence[Entry], columns: dict[str, dict[str, ColumnValue]]
) -> ComparedTask:
    means = [entry.means.get(slug) for entry in entries]
    first, last = means[0], means[-1]
    change = last - first if first is not None and last is not None else None
    return ComparedTask(task=slug, columns=columns.get(slug, {}), means=means, change=change)


def _difference(first: Entry, second: Entry) -> PairedDifference:
    shared = [task for task in first.means if task in second.means]
    changes = [second.means[task] - first.means[task] for task in shared]
    better = sum(change > TOLERANCE for change in changes)
    worse = sum(change < -TOLERANCE for change in changes)
    return PairedDifference(
        first=first.label,
        second=second.label,
        difference=paired_interval(changes),
        p_value=p_value(changes),
        better=better,
        worse=worse,
        same=len(changes) - better - worse,
    )

"""A job's results: its agents, why rollouts failed, and its tasks page by page.

What rollouts add up to is read from the tasks' counters; of rollouts, only those that a page shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Row,
    Select,
    func,
    literal,
    or_,
    select,
)

from controller.store import columnsets
from controller.store.jobs import brief, job_row
from controller.store.listing import containing, ordering, paged
from controller.store.tables import job_tasks, rollouts
from hud.eval.statistics import Spread, interval_of, pass_at_counted
from hud.types import Usage
from hud.wire import (
    FailureGroup,
    JobRecord,
    JobResults,
    JobTask,
    TaskChoice,
    TaskOrder,
    TaskResult,
    VariantResult,
)
from hud.wire.platform import Page

MAX_GROUPS = 100
"""Groups of failures that are listed."""
MAX_RUNS = 10_000
"""Runs of one task that a page may show."""
MAX_EXAMPLES = 20
"""Rollouts that a group of failures names."""
MEASURES = {"reward_sum", "seconds"}
TOTALS = ("scored", "reward_sum", "failed", "seconds", *Usage.model_fields)
LARGEST_K = 1000
"""The largest k of pass@k."""


class JobTaskFilters(TypedDict, total=False):
    """Which tasks of a job to list, in which order."""

    search: str | None
    """Part of a slug."""
    which: TaskChoice | None
    columns: dict[str, str] | None
    """Values by column; of a multi-select, a member."""
    sort: TaskOrder
    runs: int
    """Of how many runs the rewards are wanted, the first ones."""
    offset: int
    limit: int


def results(connection: Connection, job_id: str) -> JobResults:
    """A job's results by variant, and its failures by reason.

    Raises:
        NotFound: there is no such job.
    """
    row = job_row(connection, job_id)
    return JobResults(
        view=brief(row),
        tasks=count_tasks(connection, [row.pk]),
        variants=variant_results(connection, row.pk, JobRecord.model_validate_json(row.record)),
        failures=_failures(connection, row.pk),
        columns=columnsets.schema_of(connection, [row.pk]),
    )


def count_tasks(connection: Connection, job_pks: Sequence[int]) -> int:
    """How many tasks these jobs have, planned ones included."""
    row = job_tasks.c
    query = select(func.count(row.task.distinct())).where(row.job_pk.in_(job_pks))
    return connection.scalar(query) or 0


def variant_names(connection: Connection, job_pk: int, job: JobRecord) -> list[str]:
    """The job's variants in its order, then what it played without naming it."""
    row = job_tasks.c
    played = select(row.variant).where(row.job_pk == job_pk).distinct()
    names = [variant.name for variant in job.variants]
    return list(dict.fromkeys([*names, *sorted(connection.scalars(played))]))


def variant_results(connection: Connection, job_pk: int, job: JobRecord) -> list[VariantResult]:
    """Each variant over all tasks of a job, in the job's order."""
    kinds: dict[str, list[Row[Any]]] = {variant.name: [] for variant in job.variants}
    for kind in connection.execute(_kinds(job_pk)):
        kinds.setdefault(kind.variant, []).append(kind)
    sums = {name: _summed(rows) for name, rows in kinds.items()}
    means = {name: it["reward_sum"] / it["scored"] for name, it in sums.items() if it["scored"]}
    squares = {
        name: connection.scalar(_squares(job_pk, name, mean)) for name, mean in means.items()
    }
    return [
        _variant(name, sums[name], squares.get(name) or 0.0, kinds[name], job.group)
        for name in kinds
    ]


def _kinds(job_pk: int) -> Select[Any]:
    """Tasks by variant and by how many of their runs have a reward and passed; summed up."""
    row = job_tasks.c
    kind = (row.variant, row.scored.label("runs"), row.passed)
    ends = (func.min(row.low).label("low"), func.max(row.high).label("high"))
    totals = [func.sum(row[name]).label(name) for name in TOTALS]
    query = select(*kind, func.count().label("tasks"), *ends, *totals)
    return query.where(row.job_pk == job_pk).group_by(*kind).order_by(*kind)


def _summed(kinds: Sequence[Row[Any]]) -> dict[str, Any]:
    found = {name: sum(kind._mapping[name] for kind in kinds) for name in TOTALS}
    # PostgreSQL adds counts up to decimals, which do not mix with floats.
    return {name: float(it) if name in MEASURES else int(it) for name, it in found.items()}


def _squares(job_pk: int, variant: str, mean: float) -> Select[Any]:
    """How far a variant's tasks are from what its mean would make of them, squared."""
    row = job_tasks.c
    away = row.reward_sum - row.scored * literal(mean, Float)
    query = select(func.sum(away * away)).where(row.job_pk == job_pk, row.variant == variant)
    return query.where(row.scored > 0)


def _variant(
    name: str, sums: dict[str, Any], squares: float, kinds: Sequence[Row[Any]], group: int
) -> VariantResult:
    scored = [kind for kind in kinds if kind.runs]
    spread = Spread(
        tasks=sum(kind.tasks for kind in scored),
        count=sums["scored"],
        total=sums["reward_sum"],
        low=min((kind.low for kind in scored), default=0.0),
        high=max((kind.high for kind in scored), default=0.0),
        squares=squares,
    )
    passes = {(kind.runs, kind.passed): kind.tasks for kind in scored}
    return VariantResult(
        variant=name,
        reward=interval_of(spread),
        pass_at=pass_at_counted(passes, min(group, LARGEST_K)),
        failed=sums["failed"],
        usage=Usage(**{name: sums[name] for name in Usage.model_fields}),
        seconds=sums["seconds"],
    )


def page(connection: Connection, job_id: str, **filters: Unpack[JobTaskFilters]) -> Page[JobTask]:
    """A job's tasks with the rewards of their first runs, in the job's order.

    Raises:
        NotFound: there is no such job.
        UserError: there is no such thing to sort by.
    """
    job = job_row(connection, job_id)
    grouped = _fitting(job.pk, filters).subquery()
    offset = filters.get("offset", 0)
    known = {"position": grouped.c.position, "task": grouped.c.task, "mean": grouped.c.mean}
    order = ordering(filters.get("sort") or "position", known, [grouped.c.position, grouped.c.task])
    query = paged(select(grouped.c.task).order_by(*order), offset, filters.get("limit", 100))
    slugs = connection.scalars(query).all()
    total = connection.scalar(select(func.count()).select_from(grouped)) or 0
    runs = min(filters.get("runs", MAX_RUNS), MAX_RUNS)
    return Page[JobTask](items=_tasks(connection, job, slugs, runs), total=total, offset=offset)


def _fitting(job_pk: int, filters: JobTaskFilters) -> Select[Any]:
    """Slug, position and mean reward of the tasks that fit."""
    row = job_tasks.c
    scored, passed = func.sum(row.scored), func.sum(row.passed)
    having: dict[str, ColumnElement[bool]] = {
        "open": or_(scored == 0, passed < scored),
        "mixed": passed.between(1, scored - 1),
        "failed": func.sum(row.failed) > 0,
    }
    mean = (func.sum(row.reward_sum) / func.nullif(scored, 0)).label("mean")
    query = select(row.task, func.min(row.position).label("position"), mean)
    query = query.where(row.job_pk == job_pk).group_by(row.task)
    if search := filters.get("search"):
        query = query.where(containing(row.task, search))
    if columns := filters.get("columns"):
        query = query.where(row.task.in_(with_columns([job_pk], columns)))
    which = filters.get("which")
    return query if which is None else query.having(having[which])


def with_columns(job_pks: Sequence[int], columns: dict[str, str]) -> Select[Any]:
    """The tasks of these jobs that have each of these columns."""
    row = job_tasks.c
    conditions = columnsets.having(row.set_pk, columns)
    return select(row.task).where(row.job_pk.in_(job_pks), *conditions)


def _tasks(connection: Connection, job: Row[Any], slugs: Sequence[str], runs: int) -> list[JobTask]:
    group = JobRecord.model_validate_json(job.record).group
    row = job_tasks.c
    query = select(job_tasks).where(row.job_pk == job.pk, row.task.in_(slugs))
    rows: dict[str, list[Row[Any]]] = {slug: [] for slug in slugs}
    for found in connection.execute(query.order_by(row.place, row.variant)):
        rows[found.task].append(found)
    played = Played(connection, job.pk, slugs, min(runs, MAX_RUNS))
    sets = columnsets.contents_of(connection, map(_set_of, rows.values()))
    return [
        JobTask(
            task=slug,
            columns=sets[_set_of(of_task)],
            results=[_result(found, played, group, runs) for found in of_task],
        )
        for slug, of_task in rows.items()
    ]


def _set_of(rows: Sequence[Row[Any]]) -> int | None:
    """The columns of a task, not every variant of which may have been played."""
    return max((row.set_pk for row in rows if row.set_pk is not None), default=None)


class Played:
    """The first runs of some tasks, by task and variant."""

    def __init__(
        self, connection: Connection, job_pk: int, slugs: Sequence[str], runs: int
    ) -> None:
        row = rollouts.c
        of_tasks = (row.job_pk == job_pk, row.task.in_(slugs))
        first: Select[Any] = select(row.task, row.variant, row.number, row.status, row.reward)
        self._first: dict[tuple[str, str], dict[int, Row[Any]]] = {}
        for found in connection.execute(first.where(*of_tasks, row.number.between(0, runs - 1))):
            self._first.setdefault((found.task, found.variant), {})[found.number] = found
        last: Select[Any] = select(row.task, row.variant, func.max(row.number))
        numbered = last.where(*of_tasks, row.number < MAX_RUNS).group_by(row.task, row.variant)
        self._last: dict[tuple[str, str], int] = {
            (task, variant): number for task, variant, number in connection.execute(numbered)
        }

    def of(self, task: str, variant: str) -> dict[int, Row[Any]]:
        """Runs that have ended, by number."""
        return self._first.get((task, variant), {})

    def last(self, task: str, variant: str) -> int:
        """The highest number of a run; -1 without any."""
        return self._last.get((task, variant), -1)


def _result(row: Row[Any], played: Played, group: int, runs: int) -> TaskResult:
    ended = played.of(row.task, row.variant)
    known = max(min(group, MAX_RUNS), played.last(row.task, row.variant) + 1)
    shown = [ended.get(number) for number in range(min(known, runs))]
    return TaskResult(
        variant=row.variant,
        rewards=[run.reward if run else None for run in shown],
        statuses=[run.status if run else None for run in shown],
        runs=known,
        reward=interval_of(
            Spread(1, row.scored, row.reward_sum, low=row.low or 0.0, high=row.high or 0.0)
        ),
        failed=row.failed,
        seconds=row.seconds,
    )


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

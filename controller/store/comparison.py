"""Jobs side by side, an entry for each of their variants, aligned by slug: from the counters of the
jobs' tasks alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict, Unpack

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    func,
    literal,
    select,
)

from controller.store import columnsets
from controller.store.job_tasks import BEYOND, TOLERANCE
from controller.store.jobs import job_row
from controller.store.listing import containing, paged
from controller.store.results import (
    count_tasks,
    variant_names,
    variant_results,
    with_columns,
)
from controller.store.tables import job_tasks
from hud.eval.statistics import p_value, paired_interval
from hud.wire import Change, ComparedTask, Comparison, JobRecord, PairedDifference
from hud.wire.platform import Page

CHANGES: tuple[Change, ...] = ("better", "same", "worse")


class ComparedFilters(TypedDict, total=False):
    """Which of the compared jobs' tasks to list."""

    change: Change | None
    """What became of them from the first entry to the last."""
    search: str | None
    """Part of a slug."""
    columns: dict[str, str] | None
    """Values by column; of a multi-select, a member."""
    offset: int
    limit: int


class Entry(NamedTuple):
    """One variant of one compared job."""

    job_pk: int
    job: JobRecord
    variant: str

    @property
    def label(self) -> str:
        """How it is told from the others."""
        return f"{self.job.id} {self.variant}"

    @property
    def is_here(self) -> ColumnElement[bool]:
        """Whether a row is one of its tasks."""
        row = job_tasks.c
        return and_(row.job_pk == self.job_pk, row.variant == self.variant)


def compare(connection: Connection, job_ids: Sequence[str]) -> Comparison:
    """Jobs side by side: their variants ranked and tested against the first.

    Raises:
        NotFound: there is no such job.
    """
    entries = _entries(connection, job_ids)
    keys = _keys(entries)
    results = {
        entry.job_pk: {
            result.variant: result
            for result in variant_results(connection, entry.job_pk, entry.job)
        }
        for entry in {entry.job_pk: entry for entry in entries}.values()
    }
    return Comparison(
        entries=[entry.label for entry in entries],
        jobs=[entry.job.id for entry in entries],
        names=[entry.job.name for entry in entries],
        variants=[entry.variant for entry in entries],
        leaderboard=[results[entry.job_pk][entry.variant] for entry in entries],
        differences=[_difference(connection, entries[0], entry) for entry in entries[1:]],
        tasks=count_tasks(connection, keys),
        changes=_changes(connection, entries),
        columns=columnsets.schema_of(connection, keys),
    )


def _entries(connection: Connection, job_ids: Sequence[str]) -> list[Entry]:
    entries = []
    for job_id in dict.fromkeys(job_ids):
        row = job_row(connection, job_id)
        job = JobRecord.model_validate_json(row.record)
        entries += [Entry(row.pk, job, name) for name in variant_names(connection, row.pk, job)]
    return entries


def _keys(entries: Sequence[Entry]) -> list[int]:
    return list(dict.fromkeys(entry.job_pk for entry in entries))


def _difference(connection: Connection, first: Entry, second: Entry) -> PairedDifference:
    before, after = job_tasks.alias(), job_tasks.alias()
    change = after.c.reward_sum / after.c.scored - before.c.reward_sum / before.c.scored
    query = select(change).select_from(before).join(after, after.c.task == before.c.task)
    for side, entry in ((before.c, first), (after.c, second)):
        is_side = (side.job_pk == entry.job_pk, side.variant == entry.variant)
        query = query.where(*is_side, side.scored > 0)
    changes = [float(value) for value in connection.scalars(query)]
    better = sum(value > TOLERANCE for value in changes)
    worse = sum(value < -TOLERANCE for value in changes)
    return PairedDifference(
        first=first.label,
        second=second.label,
        difference=paired_interval(changes),
        p_value=p_value(changes),
        better=better,
        worse=worse,
        same=len(changes) - better - worse,
    )


def _changes(connection: Connection, entries: Sequence[Entry]) -> dict[Change, int]:
    if not entries:
        return dict.fromkeys(CHANGES, 0)
    aligned = _aligned(entries).subquery()
    counts = [func.count().filter(_is(change, aligned.c.change)) for change in CHANGES]
    found = connection.execute(select(*counts)).one()
    return dict(zip(CHANGES, found, strict=True))


def _is(change: Change, value: ColumnElement[Any]) -> ColumnElement[bool]:
    match change:
        case "better":
            return value > TOLERANCE
        case "worse":
            return value < -TOLERANCE
        case _:
            return value.between(-TOLERANCE, TOLERANCE)


def _aligned(entries: Sequence[Entry]) -> Select[Any]:
    """For each task of the jobs: its change from the first entry to the last, and its place."""
    row = job_tasks.c
    mean = row.reward_sum / func.nullif(row.scored, 0)
    first, last = (func.max(case((entry.is_here, mean))) for entry in (entries[0], entries[-1]))
    keys = _keys(entries)
    starts = [literal(number * (BEYOND + 1), BigInteger) for number in range(len(keys))]
    cases = [(row.job_pk == key, start) for key, start in zip(keys, starts, strict=True)]
    place = func.min(case(*cases, else_=starts[0]) + row.position)
    query = select(row.task, (last - first).label("change"), place.label("place"))
    return query.where(row.job_pk.in_(keys)).group_by(row.task)


def compared_tasks(
    connection: Connection, job_ids: Sequence[str], **filters: Unpack[ComparedFilters]
) -> Page[ComparedTask]:
    """The tasks of compared jobs, the largest change first.

    Raises:
        NotFound: there is no such job.
    """
    entries = _entries(connection, job_ids)
    offset = filters.get("offset", 0)
    if not entries:
        return Page[ComparedTask](items=[], total=0, offset=offset)
    found = _fitting(entries, filters).subquery()
    order = (func.abs(found.c.change).desc().nulls_last(), found.c.place, found.c.task)
    query = paged(select(found.c.task).order_by(*order), offset, filters.get("limit", 100))
    items = _compared(connection, entries, connection.scalars(query).all())
    total = connection.scalar(select(func.count()).select_from(found)) or 0
    return Page[ComparedTask](items=items, total=total, offset=offset)


def _fitting(entries: Sequence[Entry], filters: ComparedFilters) -> Select[Any]:
    aligned = _aligned(entries)
    if search := filters.get("search"):
        aligned = aligned.where(containing(job_tasks.c.task, search))
    if columns := filters.get("columns"):
        aligned = aligned.where(job_tasks.c.task.in_(with_columns(_keys(entries), columns)))
    found = aligned.subquery()
    query = select(found)
    change = filters.get("change")
    return query if change is None else query.where(_is(change, found.c.change))


def _compared(
    connection: Connection, entries: Sequence[Entry], slugs: Sequence[str]
) -> list[ComparedTask]:
    row = job_tasks.c
    query = select(job_tasks).where(row.job_pk.in_(_keys(entries)), row.task.in_(slugs))
    rows = connection.execute(query).all()
    means = {
        (found.job_pk, found.variant, found.task): found.reward_sum / found.scored
        for found in rows
        if found.scored
    }
    sets = {found.task: found.set_pk for found in rows if found.set_pk is not None}
    columns = columnsets.contents_of(connection, sets.values())
    return [
        _task(
            slug,
            columns[sets.get(slug)],
            [means.get((entry.job_pk, entry.variant, slug)) for entry in entries],
        )
        for slug in slugs
    ]


def _task(slug: str, columns: columnsets.Columns, means: list[float | None]) -> ComparedTask:
    first, last = means[0], means[-1]
    change = last - first if first is not None and last is not None else None
    return ComparedTask(task=slug, columns=columns, means=means, change=change)

"""Jobs and their counters."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, Connection, Row, delete, or_, select, update

from controller.errors import NotFound
from controller.store import columnsets, events, job_tasks, standing
from controller.store.job_tasks import KEY_LENGTH
from controller.store.listing import containing, counting, ordering, paged
from controller.store.tables import jobs
from controller.store.values import dump, finite
from controller.store.writing import add_row
from hud.errors import UserError
from hud.types import Usage
from hud.wire import JobRecord, JobStatus, JobTotals, JobView
from hud.wire.platform import Page

SORTS: dict[str, ColumnElement[Any]] = {
    name: jobs.c[name]
    for name in ("created_at", "name", "status", "seconds", "ended", "failed", "passed")
}


class JobFilters(TypedDict, total=False):
    """Which jobs to list, in which order."""

    taskset: str | None
    status: JobStatus | None
    search: str | None
    """Part of an id, a name or a source."""
    sort: str
    """`created_at`, `name` …; with `-` in front, the largest first."""
    offset: int
    limit: int


def add_job(
    connection: Connection, job: JobRecord, *, taskset: str | None = None, is_remote: bool = False
) -> None:
    """Write a job; one that is there gets the new record and keeps its rollouts and taskset.

    Raises:
        UserError: its id is empty or too long.
    """
    check_key("job", job.id)
    fields: dict[str, Any] = {
        "name": job.name,
        "source": job.source,
        "status": job.status,
        "created_at": job.created_at,
        "seconds": finite(job.seconds),
        "threshold": finite(job.pass_threshold) or 0.0,
        "expected": len(job.tasks) * len(job.variants) * job.group,
        "record": dump(job),
    }
    known = connection.execute(select(jobs.c.pk, jobs.c.taskset).where(jobs.c.id == job.id)).first()
    if known is None:
        added = {"id": job.id, "taskset": taskset, "is_remote": is_remote}
        key = add_row(connection, jobs, fields | added)
    else:
        key = known.pk
        connection.execute(update(jobs).where(jobs.c.pk == key).values(fields))
        _move(connection, key, known.taskset, taskset)
    job_tasks.plan(connection, key, job)
    events.append(connection, "job", job.id, {"status": job.status, "name": job.name})


def _move(connection: Connection, job_pk: int, before: str | None, taskset: str | None) -> None:
    """Say which taskset a job belongs to, where that is new."""
    if taskset is None or taskset == before:
        return
    connection.execute(update(jobs).where(jobs.c.pk == job_pk).values(taskset=taskset))
    for name in filter(None, (before, taskset)):
        standing.recount(connection, name)


def finish_job(
    connection: Connection, job_id: str, status: JobStatus, seconds: float | None
) -> None:
    """Write how a job ended.

    Raises:
        NotFound: there is no such job.
    """
    row = job_row(connection, job_id)
    record = JobRecord.model_validate_json(row.record)
    ended = record.model_copy(update={"status": status, "seconds": seconds})
    connection.execute(
        update(jobs)
        .where(jobs.c.pk == row.pk)
        .values(status=status, seconds=finite(seconds), record=dump(ended))
    )
    events.append(connection, "job", job_id, {"status": status, "name": record.name})


def job(connection: Connection, job_id: str) -> JobView:
    """One job with its numbers.

    Raises:
        NotFound: there is no such job.
    """
    return view(job_row(connection, job_id))


def page(connection: Connection, **filters: Unpack[JobFilters]) -> Page[JobView]:
    """Jobs, newest first, their records without the slugs of their tasks.

    Raises:
        UserError: there is no such thing to sort by.
    """
    conditions = _conditions(filters)
    offset = filters.get("offset", 0)
    order = ordering(filters.get("sort") or "-created_at", SORTS, [jobs.c.pk])
    query = select(jobs).where(*conditions).order_by(*order)
    rows = connection.execute(paged(query, offset, filters.get("limit", 100)))
    total = connection.scalar(counting(jobs, conditions)) or 0
    return Page[JobView](items=[brief(row) for row in rows], total=total, offset=offset)


def _conditions(filters: JobFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if (taskset := filters.get("taskset")) is not None:
        conditions.append(jobs.c.taskset == taskset)
    if (status := filters.get("status")) is not None:
        conditions.append(jobs.c.status == status)
    if search := filters.get("search"):
        columns = (jobs.c.id, jobs.c.name, jobs.c.source)
        conditions.append(or_(*(containing(column, search) for column in columns)))
    return conditions


def remove_before(connection: Connection, moment: datetime) -> int:
    """Remove the jobs that ended and were made before that, with their rollouts; how many."""
    old = (jobs.c.created_at < moment, jobs.c.status != "running")
    touched = connection.scalars(select(jobs.c.taskset).where(*old).distinct()).all()
    removed = connection.execute(delete(jobs).where(*old)).rowcount
    for taskset in filter(None, touched):
        standing.recount(connection, taskset)
    if removed:
        columnsets.remove_unused(connection)
    return removed


def job_row(connection: Connection, job_id: str) -> Row[Any]:
    """A job's row.

    Raises:
        NotFound: there is no such job.
    """
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no job `{job_id}`", hint="list them with `hud jobs`")
    return row


def view(row: Row[Any]) -> JobView:
    """A job's row as clients see it."""
    totals = JobTotals(
        expected=row.expected,
        ended=row.ended,
        scored=row.scored,
        passed=row.passed,
        failed=row.failed,
        cancelled=row.cancelled,
        mean=row.reward_sum / row.scored if row.scored else None,
        usage=Usage(
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cached_tokens=row.cached_tokens,
        ),
        rollout_seconds=row.rollout_seconds,
    )
    record = JobRecord.model_validate_json(row.record)
    return JobView(job=record, totals=totals, taskset=row.taskset, is_remote=row.is_remote)


def brief(row: Row[Any]) -> JobView:
    """As `view`, without the slugs of its tasks."""
    whole = view(row)
    return whole.model_copy(update={"job": whole.job.model_copy(update={"tasks": []})})


def check_key(what: str, key: str) -> None:
    """Refuse an id that no index holds.

    Raises:
        UserError: it is empty or too long.
    """
    if not 0 < len(key) <= KEY_LENGTH:
        raise UserError(f"the id of a {what} has 1 to {KEY_LENGTH} characters, not {len(key)}")

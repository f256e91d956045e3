"""Finished rollouts and their transcripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, tuple_, update

from controller.errors import NotFound
from controller.store import columnsets, events, job_tasks, standing
from controller.store.job_tasks import TOLERANCE
from controller.store.jobs import check_key, job_row
from controller.store.listing import counting, directed, ordering, paged
from controller.store.tables import jobs, rollout_records, rollouts, transcripts
from controller.store.values import dump, finite, pack, unpack
from controller.store.writing import add_row
from hud.wire import RolloutRecord, RolloutStatus, Transcript
from hud.wire.platform import Page

REASON_LENGTH = 300
"""Characters of an error by which failures are grouped."""
SORTS: dict[str, ColumnElement[Any]] = {
    "tokens": rollouts.c.input_tokens + rollouts.c.output_tokens,
    **{
        name: rollouts.c[name]
        for name in (
            "started_at", "reward", "seconds", "task", "variant", "status", "boundary",
            "model_calls", "tool_calls",
        )
    },
}  # fmt: skip
ORDER = (rollouts.c.task, rollouts.c.variant, rollouts.c.number, rollouts.c.id)
"""The order in which one walks from rollout to rollout."""


class RolloutFilters(TypedDict, total=False):
    """Which rollouts to list, in which order."""

    job: str | None
    task: str | None
    taskset: str | None
    status: RolloutStatus | None
    variant: str | None
    boundary: str | None
    min_reward: float | None
    max_reward: float | None
    columns: dict[str, str] | None
    """Values by column; of a multi-select, a member."""
    sort: str
    """`started_at`, `reward`, `column:NAME` …; with `-` in front, the largest first."""
    offset: int
    limit: int


def add_rollout(connection: Connection, transcript: Transcript) -> bool:
    """Write a finished rollout: record, transcript, the job's counters and an event.

    One that is there stays, but for a rollout without a reward that was run again later.

    Returns:
        Whether it was written.

    Raises:
        NotFound: there is no such job.
        UserError: its id or its task's slug is empty or too long.
    """
    record = transcript.rollout
    check_key("rollout", record.id)
    check_key("task", record.task)
    check_key("variant", record.variant)
    job = job_row(connection, record.job_id)
    before = _row(connection, job.pk, record.id)
    fields = _fields(connection, record)
    if before is not None:
        if before.status == "scored" or fields["started_at"] <= before.started_at:
            return False
        connection.execute(delete(rollouts).where(rollouts.c.pk == before.pk))
        _count(connection, job, before, -1)
    key = add_row(connection, rollouts, {"job_pk": job.pk, **fields})
    content = pack(dump(transcript, exclude={"rollout"}))
    connection.execute(insert(rollout_records).values(rollout_pk=key, record=dump(record)))
    connection.execute(insert(transcripts).values(rollout_pk=key, content=content))
    _count(connection, job, connection.execute(select(rollouts).where(rollouts.c.pk == key)).one())
    if job.taskset and fields["reward"] is not None:
        standing.count_in(connection, job.taskset, record.task, fields["reward"])
    _announce(connection, record)
    return True


def add_rollouts(connection: Connection, batch: list[Transcript]) -> int:
    """Write several rollouts, all or none; how many of them were new."""
    return sum(add_rollout(connection, transcript) for transcript in batch)


def _fields(connection: Connection, record: RolloutRecord) -> dict[str, Any]:
    started = record.started_at
    return {
        "id": record.id,
        "task": record.task,
        "variant": record.variant,
        "number": record.index,
        "status": record.status,
        "reward": finite(record.reward) if record.status == "scored" else None,
        "boundary": record.boundary,
        "reason": None if record.error is None else record.error[:REASON_LENGTH],
        "started_at": started,
        "seconds": finite(record.seconds) or 0.0,
        "model_calls": record.model_calls,
        "tool_calls": record.tool_calls,
        "input_tokens": record.usage.input_tokens,
        "output_tokens": record.usage.output_tokens,
        "cached_tokens": record.usage.cached_tokens,
        "set_pk": columnsets.set_for(connection, record.columns),
    }


def _count(connection: Connection, job: Row[Any], row: Row[Any], sign: int = 1) -> None:
    scored = row.status == "scored" and row.reward is not None
    grown: dict[str, Any] = {
        "ended": sign,
        "scored": sign * scored,
        "passed": sign * (scored and row.reward >= job.threshold - TOLERANCE),
        "failed": sign * (row.status == "failed"),
        "cancelled": sign * (row.status == "cancelled"),
        "reward_sum": sign * (row.reward or 0.0),
        "rollout_seconds": sign * row.seconds,
        "input_tokens": sign * row.input_tokens,
        "output_tokens": sign * row.output_tokens,
        "cached_tokens": sign * row.cached_tokens,
    }
    changes = {name: jobs.c[name] + change for name, change in grown.items() if change}
    connection.execute(update(jobs).where(jobs.c.pk == job.pk).values(changes))
    job_tasks.count(connection, job, row, sign)


def _announce(connection: Connection, record: RolloutRecord) -> None:
    data = {
        "job": record.job_id,
        "task": record.task,
        "variant": record.variant,
        "index": record.index,
        "seconds": finite(record.seconds),
        "status": record.status,
        "reward": finite(record.reward),
        "boundary": record.boundary,
        "error": record.error,
        "model_calls": record.model_calls,
        "tool_calls": record.tool_calls,
    }
    events.append(connection, "rollout", record.id, data)


def page(connection: Connection, **filters: Unpack[RolloutFilters]) -> Page[RolloutRecord]:
    """Rollouts of all jobs, the last started first."""
    conditions = _conditions(connection, filters)
    offset = filters.get("offset", 0)
    keys = select(rollouts.c.pk).where(*conditions)
    found = paged(
        _sorted(keys, filters.get("sort") or "-started_at"), offset, filters.get("limit", 100)
    )
    pks = connection.scalars(found).all()
    total = connection.scalar(counting(rollouts, conditions)) or 0
    return Page[RolloutRecord](items=records_of(connection, pks), total=total, offset=offset)


def _conditions(connection: Connection, filters: RolloutFilters) -> list[ColumnElement[bool]]:
    row = rollouts.c
    equal = {
        row.task: "task",
        row.status: "status",
        row.variant: "variant",
        row.boundary: "boundary",
    }
    conditions: list[ColumnElement[bool]] = [
        column == filters.get(name)
        for column, name in equal.items()
        if filters.get(name) is not None
    ]
    if (job := filters.get("job")) is not None:
        conditions.append(row.job_pk == job_row(connection, job).pk)
    if (taskset := filters.get("taskset")) is not None:
        conditions.append(row.job_pk.in_(select(jobs.c.pk).where(jobs.c.taskset == taskset)))
    if (least := filters.get("min_reward")) is not None:
        conditions.append(row.reward >= least)
    if (most := filters.get("max_reward")) is not None:
        conditions.append(row.reward <= most)
    return conditions + columnsets.having(row.set_pk, filters.get("columns") or {})


def _sorted(query: Any, sort: str) -> Any:
    name = sort.removeprefix("-")
    if not name.startswith("column:"):
        return query.order_by(*ordering(sort, SORTS, [rollouts.c.pk]))
    values = columnsets.sorting(name.removeprefix("column:")).subquery()
    joined = query.outerjoin(values, values.c.set_pk == rollouts.c.set_pk)
    return joined.order_by(*directed(sort, [values.c.number, values.c.value], [rollouts.c.pk]))


def records_of(connection: Connection, keys: Sequence[int]) -> list[RolloutRecord]:
    """The rollouts with these keys, in that order."""
    query = select(rollout_records).where(rollout_records.c.rollout_pk.in_(keys))
    found = {row.rollout_pk: row.record for row in connection.execute(query)}
    return [RolloutRecord.model_validate_json(found[key]) for key in keys]


def rollout(connection: Connection, job_id: str, rollout_id: str) -> RolloutRecord:
    """One rollout.

    Raises:
        NotFound: there is no such job, or no such rollout in it.
    """
    return records_of(connection, [_found(connection, job_id, rollout_id).pk])[0]


def transcript(connection: Connection, job_id: str, rollout_id: str) -> Transcript:
    """What happened in a rollout.

    Raises:
        NotFound: there is no such job, or no such rollout in it.
    """
    key = _found(connection, job_id, rollout_id).pk
    record = records_of(connection, [key])[0]
    stored = select(transcripts.c.content).where(transcripts.c.rollout_pk == key)
    content = json.loads(unpack(connection.execute(stored).scalar_one()))
    return Transcript.model_validate({**content, "rollout": record})


def ended_ids(connection: Connection, job_id: str) -> set[str]:
    """The ids of a job's rollouts that ended, however they did.

    Raises:
        NotFound: there is no such job.
    """
    key = job_row(connection, job_id).pk
    return set(connection.scalars(select(rollouts.c.id).where(rollouts.c.job_pk == key)))


def lost_ids(connection: Connection, job_id: str) -> set[str]:
    """The ids of a job's rollouts that ended without a reward.

    Raises:
        NotFound: there is no such job.
    """
    row = rollouts.c
    key = job_row(connection, job_id).pk
    query = select(row.id).where(row.job_pk == key, row.status != "scored")
    return set(connection.scalars(query))


def neighbours(
    connection: Connection, job_id: str, rollout_id: str
) -> tuple[str | None, str | None]:
    """The rollouts before and after one, by task, variant and number.

    Raises:
        NotFound: there is no such job, or no such rollout in it.
    """
    row = _found(connection, job_id, rollout_id)
    here = tuple_(*(row._mapping[column] for column in ORDER))
    of_job = select(rollouts.c.id).where(rollouts.c.job_pk == row.job_pk).limit(1)
    before = of_job.where(tuple_(*ORDER) < here).order_by(*(term.desc() for term in ORDER))
    after = of_job.where(tuple_(*ORDER) > here).order_by(*ORDER)
    return connection.scalar(before), connection.scalar(after)


def _found(connection: Connection, job_id: str, rollout_id: str) -> Row[Any]:
    row = _row(connection, job_row(connection, job_id).pk, rollout_id)
    if row is None:
        raise NotFound(
            f"job `{job_id}` has no rollout `{rollout_id}`",
            hint=f"list them with `hud show {job_id}`",
        )
    return row


def _row(connection: Connection, job_pk: int, rollout_id: str) -> Row[Any] | None:
    query = select(rollouts).where(rollouts.c.job_pk == job_pk, rollouts.c.id == rollout_id)
    return connection.execute(query).one_or_none()

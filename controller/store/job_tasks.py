"""The tasks of a job under each of its variants, with what their rollouts add up to: counters that
grow as rollouts are added, so that no question about a job reads them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from controller.store.tables import job_tasks
from controller.store.values import clean
from hud.wire import JobRecord

KEY_LENGTH = 500
"""Characters that an id or a slug may have."""
BEYOND = 2**40
"""The position of a task, and the place of a variant, that the job does not name."""
TOLERANCE = 1e-9
"""By how much a reward may miss the threshold and pass."""
SUMS = ("seconds", "input_tokens", "output_tokens", "cached_tokens")


class Spot(NamedTuple):
    """Where a row stands: its task among the job's tasks, its variant among the job's variants."""

    position: int = BEYOND
    place: int = BEYOND


Key = tuple[str, str]
"""Task and variant."""


def plan(connection: Connection, job_pk: int, job: JobRecord) -> None:
    """Have a row for each planned task under each variant, in the job's order."""
    row = job_tasks.c
    found = select(row.task, row.variant, row.position, row.place).where(row.job_pk == job_pk)
    known = {(r.task, r.variant): Spot(r.position, r.place) for r in connection.execute(found)}
    wanted = _spots(job)
    _drop_unplayed(connection, job_pk, [key for key in known if key not in wanted])
    missing = [key for key in wanted if key not in known]
    if missing:
        connection.execute(insert(job_tasks), [_row(job_pk, key, wanted[key]) for key in missing])
    moved = {key: wanted.get(key, Spot()) for key, spot in known.items()}
    _move(connection, job_pk, {key: spot for key, spot in moved.items() if spot != known[key]})


def _spots(job: JobRecord) -> dict[Key, Spot]:
    tasks = [task for task in dict.fromkeys(map(clean, job.tasks)) if _is_key(task)]
    names = dict.fromkeys(clean(variant.name) for variant in job.variants)
    variants = [name for name in names if _is_key(name)]
    return {
        (task, variant): Spot(position, place)
        for position, task in enumerate(tasks)
        for place, variant in enumerate(variants)
    }


def _is_key(text: str) -> bool:
    """Whether a rollout could have it."""
    return 0 < len(text) <= KEY_LENGTH


def _row(job_pk: int, key: Key, spot: Spot) -> dict[str, Any]:
    return {"job_pk": job_pk, "task": key[0], "variant": key[1], **spot._asdict()}


def _drop_unplayed(connection: Connection, job_pk: int, keys: list[Key]) -> None:
    row = job_tasks.c
    unplayed = row.scored + row.failed + row.cancelled == 0
    query = delete(job_tasks).where(row.job_pk == job_pk, unplayed, *_is_row())
    if keys:
        connection.execute(query, [{"of_task": task, "of_variant": name} for task, name in keys])


def _move(connection: Connection, job_pk: int, spots: Mapping[Key, Spot]) -> None:
    query = update(job_tasks).where(job_tasks.c.job_pk == job_pk, *_is_row())
    moves = [
        {"of_task": task, "of_variant": name, **spot._asdict()}
        for (task, name), spot in spots.items()
    ]
    if moves:
        connection.execute(query, moves)


def _is_row() -> list[ColumnElement[bool]]:
    row = job_tasks.c
    return [row.task == bindparam("of_task"), row.variant == bindparam("of_variant")]


def count(connection: Connection, job: Row[Any], rollout: Row[Any], sign: int = 1) -> None:
    """Count a rollout of a job in; with sign -1, count one without a reward out."""
    row = job_tasks.c
    grown = {
        **{name: row[name] + sign * (rollout.status == name) for name in ("failed", "cancelled")},
        **{name: row[name] + sign * getattr(rollout, name) for name in SUMS},
        "set_pk": rollout.set_pk if rollout.set_pk is not None else row.set_pk,
    }
    if rollout.reward is not None:
        grown |= _scored(rollout.reward, job.threshold)
    key = {"job_pk": job.pk, "task": rollout.task, "variant": rollout.variant}
    matches = [row[name] == value for name, value in key.items()]
    counted = update(job_tasks).where(*matches).values(grown)
    if connection.execute(counted).rowcount == 0:
        spot = _spot_beyond(connection, job.pk, rollout.task)
        connection.execute(insert(job_tasks).values({**key, **spot._asdict()}))
        connection.execute(counted)


def _scored(reward: float, threshold: float) -> dict[str, Any]:
    row = job_tasks.c
    return {
        "scored": row.scored + 1,
        "passed": row.passed + int(reward >= threshold - TOLERANCE),
        "reward_sum": row.reward_sum + reward,
        "low": case((row.low < reward, row.low), else_=reward),
        "high": case((row.high > reward, row.high), else_=reward),
    }


def _spot_beyond(connection: Connection, job_pk: int, task: str) -> Spot:
    row = job_tasks.c
    named = select(func.min(row.position)).where(row.job_pk == job_pk, row.task == task)
    position = connection.scalar(named)
    return Spot(BEYOND if position is None else position, BEYOND)

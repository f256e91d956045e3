"""A job's rollouts and tasks for files, in pieces that each go on where the last one ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from controller.store.jobs import job_row
from controller.store.results import MAX_RUNS, variant_names
from controller.store.rollouts import ORDER, records_of
from controller.store.tables import rollouts
from controller.store.values import clean
from hud.wire import JobRecord, RolloutRecord

Place = tuple[Any, ...]
"""A rollout's task, variant, number and id."""


def rollouts_after(
    connection: Connection, job_id: str, place: Place | None, limit: int
) -> tuple[list[RolloutRecord], Place | None]:
    """The rollouts of a job that follow a place, by task, variant and number, and the place of the
    last one; the first ones for None.

    Raises:
        NotFound: there is no such job.
    """
    query = select(rollouts.c.pk, *ORDER).where(rollouts.c.job_pk == job_row(connection, job_id).pk)
    if place is not None:
        query = query.where(tuple_(*ORDER) > tuple_(*place))
    rows = connection.execute(query.order_by(*ORDER).limit(limit)).all()
    last = tuple(rows[-1])[1:] if rows else None
    return records_of(connection, [row.pk for row in rows]), last


def tasks_after(connection: Connection, job_id: str, last: str, limit: int) -> list[dict[str, Any]]:
    """The tasks of a job that were played and follow one by slug, in their JSON format.

    Raises:
        NotFound: there is no such job.
    """
    row = rollouts.c
    of_job = row.job_pk == job_row(connection, job_id).pk
    first = select(func.min(row.pk)).where(of_job, row.task > last).group_by(row.task)
    keys = connection.scalars(first.order_by(row.task).limit(limit)).all()
    return [_task(record) for record in records_of(connection, keys)]


def _task(record: RolloutRecord) -> dict[str, Any]:
    env, _, scenario = (record.scenario or "").rpartition(":")
    return {
        "slug": clean(record.task),
        "scenario": scenario,
        "env": {"name": env} if env else None,
        "args": record.args or {},
        "columns": record.columns,
    }


def run_names(connection: Connection, job_id: str) -> list[str]:
    """`VARIANT.INDEX` of all runs that a task of the job may have.

    Raises:
        NotFound: there is no such job.
    """
    found, row = job_row(connection, job_id), rollouts.c
    job = JobRecord.model_validate_json(found.record)
    last = select(row.variant, func.max(row.number)).group_by(row.variant)
    numbered = last.where(row.job_pk == found.pk, row.number < MAX_RUNS)
    highest = {variant: number for variant, number in connection.execute(numbered)}
    return [
        f"{name}.{index}"
        for name in variant_names(connection, found.pk, job)
        for index in range(max(min(job.group, MAX_RUNS), highest.get(name, -1) + 1))
    ]


def rewards_of(
    connection: Connection, job_id: str, slugs: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """The rewards of these tasks by `VARIANT.INDEX`.

    Raises:
        NotFound: there is no such job.
    """
    row = rollouts.c
    query = select(row.task, row.variant, row.number, row.reward)
    query = query.where(row.job_pk == job_row(connection, job_id).pk, row.task.in_(slugs))
    found: dict[str, dict[str, float | None]] = {}
    for task, variant, number, reward in connection.execute(query):
        found.setdefault(task, {})[f"{variant}.{number}"] = reward
    return found

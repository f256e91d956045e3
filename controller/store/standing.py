"""What the rollouts of a taskset's jobs say about each of its tasks."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, case, func, select

from controller.store.tables import jobs, rollouts

TENTHS = 10


class Standing(NamedTuple):
    """A task's scored rollouts: how many, their mean, how many in each tenth from 0 to 1."""

    runs: int = 0
    mean: float | None = None
    histogram: list[int] = []  # noqa: RUF012 - never changed


def standings(taskset: str) -> Select[Any]:
    """Runs and mean of each task that has been scored."""
    return _scored(taskset, func.count().label("runs"), func.avg(rollouts.c.reward).label("mean"))


def standing_of(connection: Connection, taskset: str, slugs: list[str]) -> dict[str, Standing]:
    """The standing of these tasks, as far as they have been scored."""
    reward = rollouts.c.reward
    tenths = [(reward < (tenth + 1) / TENTHS, tenth) for tenth in range(TENTHS - 1)]
    bucket = case(*tenths, else_=TENTHS - 1).label("bucket")
    query = _scored(taskset, bucket, func.count().label("runs"), func.sum(reward).label("total"))
    query = query.where(rollouts.c.task.in_(slugs)).group_by(bucket)
    found: dict[str, list[tuple[int, int, float]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.task, []).append((row.bucket, row.runs, row.total))
    return {slug: _standing(buckets) for slug, buckets in found.items()}


def _standing(buckets: list[tuple[int, int, float]]) -> Standing:
    histogram = [0] * TENTHS
    for tenth, runs, _ in buckets:
        histogram[tenth] += runs
    runs = sum(histogram)
    return Standing(runs, sum(total for _, _, total in buckets) / runs, histogram)


def _scored(taskset: str, *columns: Any) -> Select[Any]:
    return (
        select(rollouts.c.task, *columns)
        .where(
            rollouts.c.job_pk.in_(select(jobs.c.pk).where(jobs.c.taskset == taskset)),
            rollouts.c.status == "scored",
            rollouts.c.reward.is_not(None),
        )
        .group_by(rollouts.c.task)
    )

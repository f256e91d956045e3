"""What the rollouts of a taskset's jobs say about each of its tasks: counters that grow as rollouts
are added, and are counted anew where some go.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, case, delete, func, insert, select

from controller.store.tables import jobs, rollouts, task_scores
from controller.store.writing import put_row

TENTHS = 10


class Standing(NamedTuple):
    """A task's scored rollouts: how many, their mean, how many in each tenth from 0 to 1."""

    runs: int = 0
    mean: float | None = None
    histogram: tuple[int, ...] = ()


UNSCORED = Standing()


def standings(taskset: str) -> Select[Any]:
    """Runs, mean and histogram of each task that has been scored."""
    score = task_scores.c
    mean = (score.total / score.runs).label("mean")
    query = select(score.task, score.runs, mean, score.histogram)
    return query.where(score.taskset == taskset)


def standing_of(connection: Connection, taskset: str, slugs: list[str]) -> dict[str, Standing]:
    """The standing of these tasks, as far as they have been scored."""
    rows = connection.execute(standings(taskset).where(task_scores.c.task.in_(slugs)))
    return {
        row.task: Standing(row.runs, row.mean, tuple(json.loads(row.histogram))) for row in rows
    }


def count_in(connection: Connection, taskset: str, task: str, reward: float) -> None:
    """Count a scored rollout."""
    score = task_scores.c
    key = {"taskset": taskset, "task": task}
    query = select(task_scores).where(score.taskset == taskset, score.task == task)
    row = connection.execute(query).one_or_none()
    histogram = json.loads(row.histogram) if row else [0] * TENTHS
    histogram[_tenth(reward)] += 1
    runs, total = (row.runs, row.total) if row else (0, 0.0)
    grown = {"runs": runs + 1, "total": total + reward, "histogram": json.dumps(histogram)}
    put_row(connection, task_scores, key, grown)


def _tenth(reward: float) -> int:
    return sum(reward >= bound / TENTHS for bound in range(1, TENTHS))


def recount(connection: Connection, taskset: str) -> None:
    """Count a taskset's rollouts anew."""
    connection.execute(delete(task_scores).where(task_scores.c.taskset == taskset))
    reward = rollouts.c.reward
    bounds = [(reward < (tenth + 1) / TENTHS, tenth) for tenth in range(TENTHS - 1)]
    tenth = case(*bounds, else_=TENTHS - 1).label("tenth")
    query = (
        select(rollouts.c.task, tenth, func.count().label("runs"), func.sum(reward).label("total"))
        .where(rollouts.c.job_pk.in_(select(jobs.c.pk).where(jobs.c.taskset == taskset)))
        .where(rollouts.c.status == "scored", reward.is_not(None))
        .group_by(rollouts.c.task, tenth)
    )
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        found.setdefault(row.task, []).append(row)
    rows = [{"taskset": taskset, "task": task, **_sum(part)} for task, part in found.items()]
    if rows:
        connection.execute(insert(task_scores), rows)


def _sum(tenths: list[Any]) -> dict[str, Any]:
    histogram = [0] * TENTHS
    for row in tenths:
        histogram[row.tenth] += row.runs
    total = sum(row.total for row in tenths)
    return {"runs": sum(histogram), "total": total, "histogram": json.dumps(histogram)}

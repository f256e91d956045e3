"""How long the controller's store takes over many rollouts: lists, filters, sums, one trace.

The rollouts belong to one taskset that was evaluated again and again; they are written in bulk, and
each question is asked the way the API asks it. Writing is measured one durable rollout at a time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from measuring.filling import Shape, fill, slug, transcripts_of
from measuring.table import Goal, Row, introduce, show

from controller.store import Store

TASKSET = "bench"
TASKS, GROUP = 250, 10
LIST, TRACE = Goal(300.0), Goal(200.0)
Question = Callable[[], Awaitable[Any]]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--database", help="its URL; a new SQLite file by default")
    options = parser.parse_args()
    introduce()
    with tempfile.TemporaryDirectory() as folder:
        url = options.database or f"sqlite:///{Path(folder) / 'hud.db'}"
        rows = anyio.run(measure, url, options.rollouts, options.repeats)
    show(f"{options.rollouts} rollouts in jobs of {TASKS} tasks × {GROUP} runs", rows)


async def measure(url: str, count: int, repeats: int) -> list[Row | str]:
    """Fill a store, then ask it."""
    store = await Store.open(url)
    try:
        await _fill(store, count)
        rows: list[Row | str] = ["a question"]
        for what, (question, goal) in _questions(store).items():
            rows.append(Row(what, "ms", await _times(question, repeats), goal=goal))
        return [*rows, "a write", await _writing(store, repeats)]
    finally:
        await store.aclose()


def _questions(store: Store) -> dict[str, tuple[Question, Goal]]:
    last = job_id(0)
    return {
        "jobs with their totals": (lambda: store.jobs(), LIST),
        "rollouts, newest first": (lambda: store.rollouts(), LIST),
        "… far down": (lambda: store.rollouts(offset=150_000), LIST),
        "… that failed": (lambda: store.rollouts(status="failed"), LIST),
        "… of a taskset": (lambda: store.rollouts(taskset=TASKSET, sort="-reward"), LIST),
        "… by reward, between two": (
            lambda: store.rollouts(min_reward=0.2, max_reward=0.7, sort="reward"),
            LIST,
        ),
        "… by tokens": (lambda: store.rollouts(sort="-tokens"), LIST),
        "… with a column's value": (lambda: store.rollouts(columns={"difficulty": "hard"}), LIST),
        "… by a column": (lambda: store.rollouts(sort="-column:level"), LIST),
        "… of a task": (lambda: store.rollouts(task=slug(7)), LIST),
        "tasks with mean and histogram": (lambda: store.tasks(TASKSET, sort="-mean"), LIST),
        "a job's results": (lambda: store.results(last), LIST),
        "its tasks, lowest first": (lambda: store.job_tasks(last, sort="mean", limit=20), LIST),
        "two jobs compared": (lambda: store.compare([last, job_id(1)]), LIST),
        "their tasks": (lambda: store.compared_tasks([last, job_id(1)], limit=25), LIST),
        "a trace": (lambda: store.transcript(last, rollout_id(3, 0)), TRACE),
        "its neighbours": (lambda: store.neighbours(last, rollout_id(3, 0)), TRACE),
    }


async def _times(question: Question, repeats: int) -> list[float]:
    """Milliseconds of each answer, the first one included."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        await question()
        times.append((time.perf_counter() - started) * 1000)
    return times


async def _writing(store: Store, repeats: int) -> Row:
    written = Shape(job_id(9999), TASKSET, repeats * 5, taskset=TASKSET)
    await store.add_job(written.record, taskset=TASKSET)
    times = []
    for transcript in transcripts_of(written):
        started = time.perf_counter()
        await store.add_rollout(transcript)
        times.append((time.perf_counter() - started) * 1000)
    return Row("a finished rollout", "ms", times)


async def _fill(store: Store, count: int) -> None:
    """As many jobs as it takes, the last of which may be smaller."""
    whole, rest = divmod(count, TASKS * GROUP)
    sizes = [TASKS] * whole + ([rest // GROUP] if rest >= GROUP else [])
    shapes = [
        Shape(job_id(number), TASKSET, size, group=GROUP, taskset=TASKSET)
        for number, size in enumerate(sizes)
    ]
    await fill(store, shapes)


def job_id(number: int) -> str:
    """The id of a job, by its number."""
    return f"20260101-000000-{number:04}"


def rollout_id(task: int, index: int) -> str:
    """The id of a rollout."""
    return f"{slug(task)}.model-0.{index}"


if __name__ == "__main__":
    main()

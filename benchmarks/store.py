"""How long the controller's store takes over many rollouts: lists, filters, sums, one trace.

The rollouts belong to one taskset that was evaluated again and again; they are written in bulk, and
each question is asked the way the API asks it. Writing is measured one durable rollout at a time.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
from measuring.table import Goal, Row, introduce, show
from sqlalchemy import Connection, insert, text, update

from controller.store import Store, standing
from controller.store.columnsets import set_for
from controller.store.jobs import job_row
from controller.store.tables import jobs, rollout_records, rollouts, transcripts
from controller.store.values import dump, pack
from hud.types import TraceStep, Usage
from hud.wire import JobRecord, RolloutRecord, Transcript, Variant
from hud.wire.tasksets import TaskUpload

TASKSET = "bench"
TASKS, GROUP = 250, 10
STEPS = 40
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
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
        await _count(store)
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
        "… of a task": (lambda: store.rollouts(task="task-7"), LIST),
        "tasks with mean and histogram": (lambda: store.tasks(TASKSET, sort="-mean"), LIST),
        "a job's results": (lambda: store.results(last), LIST),
        "two jobs compared": (lambda: store.compare([last, job_id(1)]), LIST),
        "a trace": (lambda: store.transcript(last, rollout_id(3, 3)), TRACE),
        "its neighbours": (lambda: store.neighbours(last, rollout_id(3, 3)), TRACE),
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
    await store.add_job(job(job_id(-1)), taskset=TASKSET)
    chance = random.Random(1)
    times = []
    for number in range(repeats * 5):
        transcript = rollout(job_id(-1), number, 0, chance)
        started = time.perf_counter()
        await store.add_rollout(transcript)
        times.append((time.perf_counter() - started) * 1000)
    return Row("a finished rollout", "ms", times)


async def _fill(store: Store, count: int) -> None:
    chance = random.Random(0)
    tasks = [
        {"slug": f"task-{n}", "scenario": "bench:play", "args": {"n": n}, "columns": columns(n)}
        for n in range(TASKS)
    ]
    await store.upload(TASKSET, TaskUpload(tasks=tasks))
    numbers = [(n // (TASKS * GROUP), n // GROUP % TASKS, n % GROUP) for n in range(count)]
    for number in range(numbers[-1][0] + 1):
        await store.add_job(job(job_id(number)), taskset=TASKSET)
    for first in range(0, count, TASKS * GROUP):
        part = numbers[first : first + TASKS * GROUP]
        made = [rollout(job_id(number), task, index, chance) for number, task, index in part]
        await store.write(lambda connection, made=made: _insert(connection, made))


def _insert(connection: Connection, made: list[Transcript]) -> None:
    """What `add_rollout` writes, in bulk."""
    records = [transcript.rollout for transcript in made]
    found = job_row(connection, records[0].job_id)
    first = (found.pk - 1) * TASKS * GROUP + 1
    rows = [
        {"pk": pk, "job_pk": found.pk, **_fields(connection, record)}
        for pk, record in enumerate(records, start=first)
    ]
    connection.execute(insert(rollouts), rows)
    texts = [
        {"rollout_pk": row["pk"], "record": dump(r)} for row, r in zip(rows, records, strict=True)
    ]
    connection.execute(insert(rollout_records), texts)
    packed = [
        {"rollout_pk": row["pk"], "content": pack(dump(transcript, exclude={"rollout"}))}
        for row, transcript in zip(rows, made, strict=True)
    ]
    connection.execute(insert(transcripts), packed)
    scored = [record.reward for record in records if record.reward is not None]
    totals = {
        "ended": len(records),
        "scored": len(scored),
        "failed": len(records) - len(scored),
        "reward_sum": sum(scored),
    }
    connection.execute(update(jobs).where(jobs.c.pk == found.pk).values(totals))


async def _count(store: Store) -> None:
    """Make good what writing in bulk left out."""
    await store.write(lambda connection: standing.recount(connection, TASKSET))
    await store.write(_go_on_numbering)


def _go_on_numbering(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        newest = "(SELECT max(pk) FROM rollouts)"
        connection.execute(
            text(f"SELECT setval(pg_get_serial_sequence('rollouts', 'pk'), {newest})")
        )


def _fields(connection: Connection, record: RolloutRecord) -> dict[str, Any]:
    counts = record.usage.model_dump()
    kept = {"id", "task", "variant", "status", "reward", "boundary", "started_at", "seconds"}
    return {
        **record.model_dump(include=kept | {"model_calls", "tool_calls"}),
        **counts,
        "number": record.index,
        "reason": record.error,
        "set_pk": set_for(connection, record.columns),
    }


def job_id(number: int) -> str:
    """The id of a job, by its number."""
    return f"20260101-000000-{number:04}"


def rollout_id(task: int, index: int) -> str:
    """The id of a rollout."""
    return f"task-{task}.model.{index}"


def columns(task: int) -> dict[str, Any]:
    """A task's columns."""
    difficulty = ("easy", "medium", "hard")[task % 3]
    return {"difficulty": difficulty, "level": task % 7, "tags": ["count", f"group-{task % 20}"]}


def job(identity: str) -> JobRecord:
    """A job."""
    return JobRecord(
        id=identity,
        name="bench",
        source=TASKSET,
        variants=[Variant(name="model", agent="claude", model="model")],
        tasks=[f"task-{n}" for n in range(TASKS)],
        group=GROUP,
        max_steps=50,
        isolation="fork",
        created_at=BEGAN,
    )


def rollout(job: str, task: int, index: int, chance: random.Random) -> Transcript:
    """A rollout as it ended; one in twenty failed, and one in a thousand has a long transcript."""
    failed = chance.random() < 0.05
    record = RolloutRecord(
        id=rollout_id(task, index),
        job_id=job,
        task=f"task-{task}",
        scenario="play",
        args={"n": task},
        columns=columns(task),
        variant="model",
        index=index,
        status="failed" if failed else "scored",
        reward=None if failed else round(chance.random(), 2),
        boundary="provider" if failed else None,
        error="503: overloaded" if failed else None,
        answer="the answer is 3, since the letter occurs three times",
        started_at=BEGAN + timedelta(seconds=chance.random() * 1e6),
        seconds=chance.random() * 60,
        timing={"start": 0.01, "setup": 0.1, "agent": 10.0, "grading": 0.2},
        model_calls=STEPS // 2,
        tool_calls=STEPS // 2,
        usage=Usage(input_tokens=int(chance.random() * 1e5), output_tokens=900),
    )
    is_long = task == index == 3
    words = f"step {chance.random()} " * 40
    steps = [TraceStep(kind="tool", name="look", result=words)] * (STEPS if is_long else 1)
    return Transcript(rollout=record, prompt="Count the letters.", steps=steps)


if __name__ == "__main__":
    main()

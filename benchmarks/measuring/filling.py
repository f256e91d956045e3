"""Jobs with many rollouts, written into a store in bulk."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from controller.store import Store, standing
from controller.store.columnsets import set_for
from controller.store.jobs import job_row
from controller.store.tables import (
    job_tasks,
    jobs,
    rollout_records,
    rollouts,
    transcripts,
)
from controller.store.values import dump, pack
from hud.errors import Boundary
from hud.types import TraceStep, Usage
from hud.wire import JobRecord, RolloutRecord, Transcript, Variant
from hud.wire.tasksets import TaskUpload

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 10_000
STEPS = 40
FAILURES: tuple[tuple[Boundary, str], ...] = (
    ("provider", "503: overloaded"),
    ("limit", "the rollout took longer than 300 s"),
    ("environment", "tool `look` raised RuntimeError: database is locked"),
)


@dataclass(frozen=True)
class Shape:
    """A finished job: tasks × variants × group."""

    job_id: str
    name: str
    tasks: int
    variants: int = 1
    group: int = 1
    taskset: str | None = None

    @property
    def record(self) -> JobRecord:
        """The job itself."""
        number = int(self.job_id.rsplit("-", 1)[-1])
        return JobRecord(
            id=self.job_id,
            name=self.name,
            source=self.taskset or "tasks.py",
            variants=[
                Variant(name=f"model-{n}", agent="claude", model=f"model-{n}")
                for n in range(self.variants)
            ],
            tasks=[slug(n) for n in range(self.tasks)],
            group=self.group,
            max_steps=50,
            isolation="fork",
            created_at=BEGAN + timedelta(hours=number),
            seconds=3600.0,
            status="finished",
        )


def slug(number: int) -> str:
    """A task's slug."""
    return f"task-{number}"


def columns(number: int) -> dict[str, Any]:
    """A task's columns."""
    difficulty = ("easy", "medium", "hard")[number % 3]
    return {"difficulty": difficulty, "level": number % 7, "tags": ["count", f"g{number % 20}"]}


async def fill(store: Store, shapes: Sequence[Shape]) -> None:
    """Write these jobs with their rollouts, a few of which failed."""
    chance = random.Random(0)
    for shape in shapes:
        await store.add_job(shape.record, taskset=shape.taskset)
        for chunk in _chunks(_played(shape, chance)):
            await store.write(lambda link, chunk=chunk: _insert(link, chunk))
        await store.write(lambda link, shape=shape: _count(link, shape.job_id))
    for taskset, size in {shape.taskset: shape.tasks for shape in shapes if shape.taskset}.items():
        tasks = [
            {"slug": slug(n), "scenario": "bench:play", "args": {"n": n}, "columns": columns(n)}
            for n in range(size)
        ]
        await store.upload(taskset, TaskUpload(tasks=tasks))
        await store.write(lambda link, taskset=taskset: standing.recount(link, taskset))
    await store.write(_go_on_numbering)


def transcripts_of(shape: Shape) -> Iterator[Transcript]:
    """What such a job's rollouts would be sent as."""
    for record in _played(shape, random.Random(1)):
        yield Transcript(rollout=record, prompt="Count the letters.", steps=_steps(1))


def _chunks(records: Iterator[RolloutRecord]) -> Iterator[list[RolloutRecord]]:
    chunk: list[RolloutRecord] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _played(shape: Shape, chance: random.Random) -> Iterator[RolloutRecord]:
    for task in range(shape.tasks):
        for variant in range(shape.variants):
            for index in range(shape.group):
                yield _rollout(shape.job_id, task, f"model-{variant}", index, chance)


def _rollout(job: str, task: int, variant: str, index: int, chance: random.Random) -> RolloutRecord:
    """A rollout as it ended; one in twenty failed."""
    failure = chance.choice(FAILURES) if chance.random() < 0.05 else None
    skill = (task * 37 % 100) / 100
    return RolloutRecord.model_construct(
        id=f"{slug(task)}.{variant}.{index}",
        job_id=job,
        task=slug(task),
        scenario="play",
        args={"n": task},
        columns=columns(task),
        variant=variant,
        index=index,
        status="failed" if failure else "scored",
        reward=None if failure else float(chance.random() < skill),
        boundary=failure[0] if failure else None,
        error=failure[1] if failure else None,
        answer="the answer is 3, since the letter occurs three times",
        started_at=BEGAN + timedelta(seconds=chance.random() * 1e6),
        seconds=chance.random() * 60,
        timing={"start": 0.01, "setup": 0.1, "agent": 10.0, "grading": 0.2},
        model_calls=STEPS // 2,
        tool_calls=STEPS // 2,
        usage=Usage.model_construct(input_tokens=int(chance.random() * 1e5), output_tokens=900),
    )


def _insert(connection: Connection, records: list[RolloutRecord]) -> None:
    """What `add_rollout` writes, in bulk; the first of a job has a long transcript."""
    job_pk = job_row(connection, records[0].job_id).pk
    first = (connection.scalar(select(func.max(rollouts.c.pk))) or 0) + 1
    sets: dict[str, int | None] = {}
    short, long = _content(1), _content(STEPS)
    for record in records:
        if record.task not in sets:
            sets[record.task] = set_for(connection, record.columns)
    rows = [
        {"pk": pk, "job_pk": job_pk, "set_pk": sets[record.task], **_fields(record)}
        for pk, record in enumerate(records, start=first)
    ]
    connection.execute(insert(rollouts), rows)
    texts = [
        {"rollout_pk": row["pk"], "record": dump(r)} for row, r in zip(rows, records, strict=True)
    ]
    connection.execute(insert(rollout_records), texts)
    packed = [
        {"rollout_pk": row["pk"], "content": long if row["number"] == 0 else short} for row in rows
    ]
    connection.execute(insert(transcripts), packed)


def _content(count: int) -> bytes:
    blank = Transcript.model_construct(prompt="Count the letters.", steps=_steps(count))
    return pack(dump(blank, exclude={"rollout"}))


def _steps(count: int) -> list[TraceStep]:
    words = "a step with some words in it, as they are said " * 20
    return [TraceStep(kind="tool", name="look", result=words, started=n) for n in range(count)]


def _fields(record: RolloutRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "task": record.task,
        "variant": record.variant,
        "number": record.index,
        "status": record.status,
        "reward": record.reward,
        "boundary": record.boundary,
        "reason": record.error,
        "started_at": record.started_at,
        "seconds": record.seconds,
        "model_calls": record.model_calls,
        "tool_calls": record.tool_calls,
        "input_tokens": record.usage.input_tokens,
        "output_tokens": record.usage.output_tokens,
        "cached_tokens": record.usage.cached_tokens,
    }


def _count(connection: Connection, job_id: str) -> None:
    """Make good what writing in bulk left out."""
    row = rollouts.c
    found = job_row(connection, job_id)
    sums = {
        "ended": func.count(),
        "scored": func.count().filter(row.status == "scored"),
        "failed": func.count().filter(row.status == "failed"),
        "passed": func.count().filter(row.reward >= found.threshold),
        "reward_sum": func.coalesce(func.sum(row.reward), 0.0),
        "rollout_seconds": func.sum(row.seconds),
        "input_tokens": func.sum(row.input_tokens),
        "output_tokens": func.sum(row.output_tokens),
    }
    query = select(*(term.label(name) for name, term in sums.items()))
    totals = connection.execute(query.where(row.job_pk == found.pk)).one()._asdict()
    connection.execute(update(jobs).where(jobs.c.pk == found.pk).values(totals))
    _count_tasks(connection, found.pk, found.threshold)


def _count_tasks(connection: Connection, job_pk: int, threshold: float) -> None:
    row, of_task = rollouts.c, job_tasks.c
    sums = {
        "scored": func.count(row.reward),
        "passed": func.count().filter(row.reward >= threshold),
        "failed": func.count().filter(row.status == "failed"),
        "reward_sum": func.coalesce(func.sum(row.reward), 0.0),
        "low": func.min(row.reward),
        "high": func.max(row.reward),
        "seconds": func.sum(row.seconds),
        "input_tokens": func.sum(row.input_tokens),
        "output_tokens": func.sum(row.output_tokens),
        "set_pk": func.max(row.set_pk),
    }
    terms = [term.label(name) for name, term in sums.items()]
    keys = (row.task.label("of_task"), row.variant.label("of_variant"))
    query = select(*keys, *terms).where(row.job_pk == job_pk).group_by(row.task, row.variant)
    counted = [found._asdict() for found in connection.execute(query)]
    same = (of_task.task == bindparam("of_task"), of_task.variant == bindparam("of_variant"))
    connection.execute(update(job_tasks).where(of_task.job_pk == job_pk, *same), counted)


def _go_on_numbering(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        newest = "(SELECT max(pk) FROM rollouts)"
        connection.execute(
            text(f"SELECT setval(pg_get_serial_sequence('rollouts', 'pk'), {newest})")
        )

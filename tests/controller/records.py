"""Records of evaluations, as clients send them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hud.client import Client
from hud.wire import JobRecord, RolloutRecord, Transcript, Variant
from hud.wire.platform import EventRecord

AT = datetime(2026, 1, 1, tzinfo=UTC)


def job(job_id: str, *tasks: str, group: int = 1, **fields: Any) -> JobRecord:
    """A job that plays these tasks with `nop`."""
    return JobRecord(
        id=job_id,
        name=fields.pop("name", "tasks.py"),
        source="tasks.py",
        variants=[Variant(name="nop", agent="nop")],
        tasks=list(tasks),
        group=group,
        max_steps=10,
        isolation="fork",
        created_at=fields.pop("created_at", AT),
        **fields,
    )


def transcript(job_id: str, task: str, index: int = 0, **fields: Any) -> Transcript:
    """A rollout that ended, with reward 1.0 unless `fields` say else."""
    ending = {"status": "scored", "reward": 1.0, "scenario": "count", "args": {}} | fields
    record = RolloutRecord(
        id=f"{task}.nop.{index}",
        job_id=job_id,
        task=task,
        variant="nop",
        index=index,
        started_at=AT,
        seconds=0.5,
        **ending,
    )
    return Transcript(rollout=record, prompt="Say it.", log="it said so")


def record(client: Client, job_id: str, *transcripts: Transcript, **fields: Any) -> None:
    """A finished job with these rollouts at the controller."""
    tasks = list(dict.fromkeys(item.rollout.task for item in transcripts))
    client.record_job(job(job_id, *tasks, **fields))
    client.record_rollouts(job_id, transcripts)
    client.finish_job(job_id, "finished", 1.5)


def events(client: Client, after: int = 0) -> list[EventRecord]:
    """Every event that followed a number."""
    found: list[EventRecord] = []
    while page := client.past_events(found[-1].id if found else after, limit=1000):
        found += page
    return found


def newest_event(client: Client) -> int:
    """The number of the last event."""
    return max((event.id for event in events(client)), default=0)

"""Jobs and rollouts as tests need them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hud.types import TraceStep
from hud.wire import JobRecord, RolloutRecord, Transcript, Variant

BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def job(identity: str = "job-1", **fields: Any) -> JobRecord:
    """A job of two tasks, two runs each."""
    defaults: dict[str, Any] = {
        "name": "count",
        "source": "tasks.py",
        "variants": [Variant(name="model", agent="openai")],
        "tasks": ["one", "two"],
        "group": 2,
        "max_steps": 10,
        "isolation": "fork",
        "created_at": BEGAN,
    }
    return JobRecord(id=identity, **{**defaults, **fields})


def scored(task: str, index: int, reward: float, **fields: Any) -> Transcript:
    """A rollout that ended with a reward."""
    return ended(task, index, status="scored", reward=reward, **fields)


def failed(task: str, index: int, **fields: Any) -> Transcript:
    """A rollout that a provider failed."""
    defaults = {"status": "failed", "boundary": "provider", "error": "503: overloaded"}
    return ended(task, index, **{**defaults, **fields})


def ended(task: str, index: int, **fields: Any) -> Transcript:
    """A rollout with a transcript of one step."""
    variant = fields.get("variant", "model")
    defaults: dict[str, Any] = {
        "id": f"{task}.{variant}.{index}",
        "job_id": "job-1",
        "task": task,
        "variant": variant,
        "index": index,
        "started_at": BEGAN + timedelta(seconds=min(index, 60)),
        "seconds": 1.5,
    }
    step = TraceStep(kind="tool", name="look", result=f"{task} {index}")
    return Transcript(
        rollout=RolloutRecord(**{**defaults, **fields}), prompt="Count.", steps=[step], log="hello"
    )

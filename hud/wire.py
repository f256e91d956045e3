"""Records of evaluations as they are stored, sent and shown. Pure data."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from hud.errors import Boundary
from hud.types import ColumnValue, EvaluationResult, TraceStep, Usage

RolloutStatus = Literal["scored", "failed", "cancelled"]
JobStatus = Literal["running", "finished", "cancelled"]


class Variant(BaseModel):
    """What a rollout is played with: an agent, its model, and free parameters."""

    name: str
    """Short label, unique in a job."""
    agent: str
    model: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)


class RolloutRecord(BaseModel):
    """How one run of one task ended. Written once, when it ends."""

    id: str
    """`{task}.{variant}.{index}`, unique within the job."""
    job_id: str
    task: str
    """The task's slug, or the stand-in derived from scenario and arguments."""
    scenario: str | None = None
    args: dict[str, Any] | None = None
    columns: dict[str, ColumnValue] = Field(default_factory=dict)
    variant: str
    index: int
    """Number of the run within its group, from 0."""
    status: RolloutStatus
    reward: float | None = None
    """None unless `status` is `scored`."""
    boundary: Boundary | None = None
    """Where a failed rollout failed."""
    error: str | None = None
    """Why it failed, in one line."""
    hint: str | None = None
    answer: Any = None
    evaluation: EvaluationResult | None = None
    stop_reason: str | None = None
    """`max_steps` where the agent ran out of steps."""
    started_at: datetime
    seconds: float
    """How long the rollout took."""
    timing: dict[str, float] = Field(default_factory=dict)
    """Seconds by span: start, setup, agent, grading."""
    model_calls: int = 0
    tool_calls: int = 0
    usage: Usage = Field(default_factory=Usage)


class Transcript(BaseModel):
    """What happened in a rollout."""

    rollout: RolloutRecord
    prompt: str = ""
    steps: list[TraceStep] = Field(default_factory=list)
    messages: list[Any] = Field(default_factory=list)
    """The conversation in the provider's own format."""
    info: dict[str, Any] = Field(default_factory=dict)
    log: str = ""
    """What the environment printed, the end of it where it is long."""
    detail: str | None = None
    """Longer evidence of a failure, such as the author's traceback."""


class JobRecord(BaseModel):
    """One evaluation: tasks × variants × group."""

    id: str
    name: str
    source: str
    """Where the tasks came from."""
    command: list[str] = Field(default_factory=list)
    """The command line that started it."""
    variants: list[Variant]
    tasks: list[str]
    """Slugs, in order."""
    group: int = 1
    max_steps: int
    isolation: str
    seed: str | None = None
    pass_threshold: float = 1.0
    status: JobStatus = "running"
    created_at: datetime
    seconds: float | None = None

"""Records of evaluations as they are stored, sent and shown. Pure data."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from hud.errors import Boundary
from hud.types import ColumnValue, EvaluationResult, TraceStep, Usage
from hud.wire.tasksets import Column

RolloutStatus = Literal["scored", "failed", "cancelled"]
JobStatus = Literal["running", "finished", "cancelled"]
TaskChoice = Literal["open", "mixed", "failed"]
"""Which tasks of a job: not all runs passed, some passed and some did not, some runs failed."""
TaskOrder = Literal["position", "task", "mean", "-mean"]
"""The job's order, by slug, lowest mean reward first, highest first."""
Change = Literal["better", "same", "worse"]


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
    environment: str | None = None
    """What played all tasks, where that was chosen; else each task's own environment did."""
    command: list[str] = Field(default_factory=list)
    """The command line that started it."""
    variants: list[Variant]
    tasks: list[str]
    """Slugs, in order; left out of lists of jobs, and of results."""
    group: int = 1
    max_steps: int
    isolation: str
    seed: str | None = None
    pass_threshold: float = 1.0
    status: JobStatus = "running"
    created_at: datetime
    seconds: float | None = None


class JobRequest(BaseModel):
    """An evaluation to run at the controller."""

    source: str
    """A taskset, `taskset/slug`, or the name of an environment, whose own tasks are run."""
    environment: str | None = Field(default=None, min_length=1, max_length=200)
    """Plays all tasks in this environment of the controller instead of those that they name."""
    agents: list[Variant] = Field(min_length=1, max_length=32)
    task_ids: list[str] | None = None
    full: bool = True
    """All tasks, not only the first."""
    group_size: int = Field(default=1, ge=1, le=1000)
    max_steps: int = Field(default=10, ge=1, le=1000)
    max_concurrent: int = Field(default=30, ge=1, le=1000)
    timeout: float | None = Field(default=None, gt=0)
    """Seconds that one rollout may take."""
    seed: str | None = Field(default=None, max_length=200)
    """Seeds the random generators of each rollout."""
    pass_threshold: float = Field(default=1.0, allow_inf_nan=False)
    name: str | None = None
    cache: bool = False
    """Answer repeated model requests from the gateway's cache."""


class JobEnding(BaseModel):
    """How a job ended."""

    status: JobStatus
    seconds: float = Field(ge=0, allow_inf_nan=False)
    """How long it took."""


class CancelledJobs(BaseModel):
    """Which jobs were told to end."""

    jobs: list[str]


class JobTotals(BaseModel):
    """A job's numbers, as lists show them."""

    expected: int
    """Rollouts that belong to it: tasks × variants × group."""
    ended: int = 0
    scored: int = 0
    passed: int = 0
    failed: int = 0
    cancelled: int = 0
    mean: float | None = None
    """Mean reward of the scored ones."""
    usage: Usage = Field(default_factory=Usage)
    rollout_seconds: float = 0.0
    """Sum over all rollouts."""


class JobView(BaseModel):
    """A job with its numbers."""

    job: JobRecord
    totals: JobTotals
    taskset: str | None = None
    is_remote: bool = False
    """Whether the controller runs it."""


class Interval(BaseModel):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float
    count: int


class TaskResult(BaseModel):
    """One task under one variant, over all its runs."""

    variant: str
    rewards: list[float | None]
    """Of the first runs, by index; None where one did not end with a reward."""
    statuses: list[str | None]
    """Of the first runs: `scored`, `failed`, `cancelled`; None where one has not ended."""
    runs: int
    """How many runs there are to be, or are."""
    reward: Interval | None = None
    """Over all runs."""
    failed: int = 0
    seconds: float = 0.0


class JobTask(BaseModel):
    """One task of a job, under each variant."""

    task: str
    columns: dict[str, ColumnValue] = Field(default_factory=dict)
    results: list[TaskResult]


class VariantResult(BaseModel):
    """One variant over all tasks of a job."""

    variant: str
    reward: Interval | None = None
    pass_at: dict[int, float] = Field(default_factory=dict)
    """Unbiased pass@k by k, for k up to the group size."""
    failed: int = 0
    usage: Usage = Field(default_factory=Usage)
    seconds: float = 0.0


class FailureGroup(BaseModel):
    """Rollouts that failed at one boundary for one reason."""

    boundary: str
    error: str
    count: int
    rollouts: list[str]
    """Ids of some of them."""


class JobResults(BaseModel):
    """A job's results, summarised; its tasks are listed apart, page by page."""

    view: JobView
    tasks: int
    """How many tasks it has, those included that it does not name but played."""
    variants: list[VariantResult]
    failures: list[FailureGroup]
    columns: dict[str, Column] = Field(default_factory=dict)
    """What its tasks' columns are; `options` are some of their values."""


class ComparedTask(BaseModel):
    """One task in all compared jobs."""

    task: str
    columns: dict[str, ColumnValue] = Field(default_factory=dict)
    means: list[float | None]
    """By compared entry."""
    change: float | None = None
    """Last entry's mean less the first one's."""


class PairedDifference(BaseModel):
    """The difference of two entries over the tasks that both have scored."""

    first: str
    second: str
    difference: Interval | None = None
    p_value: float | None = None
    """Two-sided, of a paired permutation test."""
    better: int = 0
    worse: int = 0
    same: int = 0


class Comparison(BaseModel):
    """Jobs side by side; an entry is a job's variant. Its tasks are listed apart, page by page."""

    entries: list[str]
    """Labels, `job variant`."""
    jobs: list[str]
    """Job id of each entry."""
    names: list[str]
    """Name of each entry's job."""
    variants: list[str]
    """Variant of each entry."""
    leaderboard: list[VariantResult]
    differences: list[PairedDifference]
    """Of each entry with the first."""
    tasks: int
    """How many tasks any of them has."""
    changes: dict[Change, int]
    """How many tasks got better, worse, or stayed the same, from the first entry to the last."""
    columns: dict[str, Column] = Field(default_factory=dict)
    """What the tasks' columns are; `options` are some of their values."""

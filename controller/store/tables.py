"""The tables. Hot ones are narrow: a rollout's record and transcript lie in tables of their own.

The classes declare them; queries use the `Table` objects below, since rows are read by the hundred
thousand.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, text
from sqlmodel import Field, SQLModel

from controller.store.values import Count, Moment, Words


def _key(target: str) -> Column[int]:
    return Column(Count, ForeignKey(target, ondelete="CASCADE"), nullable=False)


class ColumnSet(SQLModel, table=True):
    """The custom columns of a task; tasks and rollouts that have the same share one."""

    __tablename__ = "column_sets"

    pk: int | None = Field(default=None, sa_type=Count, primary_key=True)
    digest: str = Field(sa_type=Words, unique=True)
    content: str = Field(sa_type=Words)


class ColumnCell(SQLModel, table=True):
    """One value of one column of a set."""

    __tablename__ = "column_cells"
    __table_args__ = (Index("column_cells_by_value", "name", "value", "set_pk"),)

    pk: int | None = Field(default=None, sa_type=Count, primary_key=True)
    set_pk: int = Field(
        sa_column=Column(
            Count, ForeignKey("column_sets.pk", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    name: str = Field(sa_type=Words)
    value: str = Field(sa_type=Words)
    number: float | None = None


class Job(SQLModel, table=True):
    """A job with its counters, which grow in the transaction that adds a rollout."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_by_time", "created_at"),
        Index("jobs_by_taskset", "taskset", "created_at"),
    )

    pk: int | None = Field(default=None, sa_type=Count, primary_key=True)
    id: str = Field(sa_type=Words, unique=True)
    name: str = Field(sa_type=Words)
    source: str = Field(sa_type=Words)
    taskset: str | None = Field(default=None, sa_type=Words)
    status: str = Field(sa_type=Words)
    is_remote: bool = False
    created_at: datetime = Field(sa_type=Moment)
    seconds: float | None = None
    threshold: float
    expected: int = Field(sa_type=Count)
    ended: int = Field(default=0, sa_type=Count)
    scored: int = Field(default=0, sa_type=Count)
    passed: int = Field(default=0, sa_type=Count)
    failed: int = Field(default=0, sa_type=Count)
    cancelled: int = Field(default=0, sa_type=Count)
    reward_sum: float = 0.0
    rollout_seconds: float = 0.0
    input_tokens: int = Field(default=0, sa_type=Count)
    output_tokens: int = Field(default=0, sa_type=Count)
    cached_tokens: int = Field(default=0, sa_type=Count)
    record: str = Field(sa_type=Words)


class JobTask(SQLModel, table=True):
    """A task of a job under one variant, and its rewards summed up; grows as the job's counters do.
    Planned ones are there before they are run.
    """

    __tablename__ = "job_tasks"
    __table_args__ = (
        Index("job_tasks_in_order", "job_pk", "position"),
        Index("job_tasks_by_columns", "set_pk"),
    )

    job_pk: int = Field(
        sa_column=Column(Count, ForeignKey("jobs.pk", ondelete="CASCADE"), primary_key=True)
    )
    task: str = Field(sa_type=Words, primary_key=True)
    variant: str = Field(sa_type=Words, primary_key=True)
    position: int = Field(sa_type=Count)
    place: int = Field(sa_type=Count)
    scored: int = Field(default=0, sa_type=Count)
    passed: int = Field(default=0, sa_type=Count)
    failed: int = Field(default=0, sa_type=Count)
    cancelled: int = Field(default=0, sa_type=Count)
    reward_sum: float = 0.0
    low: float | None = None
    high: float | None = None
    seconds: float = 0.0
    input_tokens: int = Field(default=0, sa_type=Count)
    output_tokens: int = Field(default=0, sa_type=Count)
    cached_tokens: int = Field(default=0, sa_type=Count)
    set_pk: int | None = Field(
        default=None, sa_column=Column(Count, ForeignKey("column_sets.pk"), nullable=True)
    )


class Rollout(SQLModel, table=True):
    """What lists filter and sort by; `RolloutContent` has the record itself."""

    __tablename__ = "rollouts"
    __table_args__ = (
        CheckConstraint("status IN ('scored', 'failed', 'cancelled')", name="status_is_known"),
        Index("rollouts_by_id", "job_pk", "id", unique=True),
        Index(
            "rollouts_by_task", "job_pk", "task", "variant", "number", "status", "reward", "seconds"
        ),
        Index("rollouts_by_time", "started_at"),
        Index("rollouts_by_status", "status", "started_at"),
        Index("rollouts_by_reward", "reward"),
        Index("rollouts_of_task", "task", "started_at"),
        Index("rollouts_by_columns", "set_pk", "started_at"),
        Index(
            "rollouts_by_failure",
            "job_pk",
            "boundary",
            "reason",
            sqlite_where=text("status = 'failed'"),
            postgresql_where=text("status = 'failed'"),
        ),
    )

    pk: int | None = Field(default=None, sa_type=Count, primary_key=True)
    job_pk: int = Field(sa_column=_key("jobs.pk"))
    id: str = Field(sa_type=Words)
    task: str = Field(sa_type=Words)
    variant: str = Field(sa_type=Words)
    number: int = Field(sa_type=Count)
    status: str = Field(sa_type=Words)
    reward: float | None = None
    boundary: str | None = Field(default=None, sa_type=Words)
    reason: str | None = Field(default=None, sa_type=Words)
    started_at: datetime = Field(sa_type=Moment)
    seconds: float
    model_calls: int = Field(sa_type=Count)
    tool_calls: int = Field(sa_type=Count)
    input_tokens: int = Field(sa_type=Count)
    output_tokens: int = Field(sa_type=Count)
    cached_tokens: int = Field(sa_type=Count)
    set_pk: int | None = Field(
        default=None, sa_column=Column(Count, ForeignKey("column_sets.pk"), nullable=True)
    )


class RolloutContent(SQLModel, table=True):
    """A rollout's record as JSON, and what happened in it, compressed."""

    __tablename__ = "rollout_records"

    rollout_pk: int = Field(
        sa_column=Column(Count, ForeignKey("rollouts.pk", ondelete="CASCADE"), primary_key=True)
    )
    record: str = Field(sa_type=Words)


class RolloutTranscript(SQLModel, table=True):
    """What happened in a rollout, compressed."""

    __tablename__ = "transcripts"

    rollout_pk: int = Field(
        sa_column=Column(Count, ForeignKey("rollouts.pk", ondelete="CASCADE"), primary_key=True)
    )
    content: bytes = Field(sa_type=LargeBinary)


class Taskset(SQLModel, table=True):
    """A named set of tasks and the schema of its columns."""

    __tablename__ = "tasksets"

    pk: int | None = Field(default=None, sa_type=Count, primary_key=True)
    name: str = Field(sa_type=Words, unique=True)
    columns: str = Field(sa_type=Words)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class TasksetTask(SQLModel, table=True):
    """A task in its newest version."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("tasks_by_slug", "taskset_pk", "slug", unique=True),
        Index("tasks_by_columns", "set_pk"),
    )

    pk: int | None = Field(default=None, sa_type=Count, primary_key=True)
    taskset_pk: int = Field(sa_column=_key("tasksets.pk"))
    slug: str = Field(sa_type=Words)
    version: int = Field(sa_type=Count)
    scenario: str = Field(sa_type=Words)
    env: str | None = Field(default=None, sa_type=Words)
    set_pk: int | None = Field(
        default=None, sa_column=Column(Count, ForeignKey("column_sets.pk"), nullable=True)
    )
    updated_at: datetime = Field(sa_type=Moment)
    content: str = Field(sa_type=Words)


class TaskVersion(SQLModel, table=True):
    """A version of a task, the newest one too."""

    __tablename__ = "task_versions"

    task_pk: int = Field(
        sa_column=Column(Count, ForeignKey("tasks.pk", ondelete="CASCADE"), primary_key=True)
    )
    version: int = Field(sa_type=Count, primary_key=True)
    content: str = Field(sa_type=Words)
    created_at: datetime = Field(sa_type=Moment)


class TaskScore(SQLModel, table=True):
    """The rewards of a task over all jobs of its taskset; grows as a job's counters do."""

    __tablename__ = "task_scores"

    taskset: str = Field(sa_type=Words, primary_key=True)
    task: str = Field(sa_type=Words, primary_key=True)
    runs: int = Field(sa_type=Count)
    total: float
    histogram: str = Field(sa_type=Words)


class Environment(SQLModel, table=True):
    """An environment that the controller holds."""

    __tablename__ = "environments"

    name: str = Field(sa_type=Words, primary_key=True)
    record: str = Field(sa_type=Words)


class EnvironmentState(SQLModel, table=True):
    """A registered version of an environment."""

    __tablename__ = "environment_versions"

    environment: str = Field(sa_type=Words, primary_key=True)
    number: int = Field(sa_type=Count, primary_key=True)
    record: str = Field(sa_type=Words)


class Build(SQLModel, table=True):
    """A build of an environment's image."""

    __tablename__ = "builds"
    __table_args__ = (Index("builds_by_subject", "subject", "started_at"),)

    id: str = Field(sa_type=Words, primary_key=True)
    subject: str = Field(sa_type=Words)
    status: str = Field(sa_type=Words)
    started_at: datetime = Field(sa_type=Moment, index=True)
    record: str = Field(sa_type=Words)


class DebugRun(SQLModel, table=True):
    """An examination of an environment or image."""

    __tablename__ = "debug_runs"
    __table_args__ = (Index("debug_runs_by_subject", "subject", "started_at"),)

    id: str = Field(sa_type=Words, primary_key=True)
    subject: str = Field(sa_type=Words)
    status: str = Field(sa_type=Words)
    started_at: datetime = Field(sa_type=Moment, index=True)
    record: str = Field(sa_type=Words)


class Event(SQLModel, table=True):
    """Something that happened; numbers are never used twice."""

    __tablename__ = "events"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, sa_type=Count, primary_key=True)
    at: datetime = Field(sa_type=Moment)
    kind: str = Field(sa_type=Words)
    subject: str = Field(sa_type=Words)
    data: str = Field(sa_type=Words)


class Secret(SQLModel, table=True):
    """A secret as the service encrypted it."""

    __tablename__ = "secrets"

    name: str = Field(sa_type=Words, primary_key=True)
    ciphertext: bytes = Field(sa_type=LargeBinary)
    updated_at: datetime = Field(sa_type=Moment)


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


metadata = SQLModel.metadata
column_sets, column_cells = _table("column_sets"), _table("column_cells")
jobs, job_tasks, rollouts = _table("jobs"), _table("job_tasks"), _table("rollouts")
rollout_records, transcripts = _table("rollout_records"), _table("transcripts")
tasksets, tasks, task_versions = _table("tasksets"), _table("tasks"), _table("task_versions")
task_scores = _table("task_scores")
environments, environment_versions = _table("environments"), _table("environment_versions")
builds, debug_runs = _table("builds"), _table("debug_runs")
events, secrets = _table("events"), _table("secrets")

"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _columns()
    _environments()
    _work()
    _tasksets()
    _jobs()
    _job_tasks()
    _scores()
    _rollouts()
    _contents()


def _columns() -> None:
    op.create_table(
        "column_sets",
        sa.Column("pk", NUMBER, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "column_cells",
        sa.Column("pk", NUMBER, nullable=False),
        sa.Column("set_pk", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("number", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["set_pk"], ["column_sets.pk"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk"),
    )
    op.create_index("column_cells_by_value", "column_cells", ["name", "value", "set_pk"])
    op.create_index("ix_column_cells_set_pk", "column_cells", ["set_pk"])


def _environments() -> None:
    op.create_table(
        "environments",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "environment_versions",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "number"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _work() -> None:
    op.create_table(
        "builds",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("builds_by_subject", "builds", ["subject", "started_at"])
    op.create_index("ix_builds_started_at", "builds", ["started_at"])
    op.create_table(
        "debug_runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("debug_runs_by_subject", "debug_runs", ["subject", "started_at"])
    op.create_index("ix_debug_runs_started_at", "debug_runs", ["started_at"])
    op.create_table(
        "events",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )


def _tasksets() -> None:
    op.create_table(
        "tasksets",
        sa.Column("pk", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "tasks",
        sa.Column("pk", NUMBER, nullable=False),
        sa.Column("taskset_pk", NUMBER, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("scenario", sa.Text(), nullable=False),
        sa.Column("env", sa.Text(), nullable=True),
        sa.Column("set_pk", NUMBER, nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_pk"],
            ["column_sets.pk"],
        ),
        sa.ForeignKeyConstraint(["taskset_pk"], ["tasksets.pk"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk"),
    )
    op.create_index("tasks_by_slug", "tasks", ["taskset_pk", "slug"], unique=True)
    op.create_index("tasks_by_columns", "tasks", ["set_pk"])
    op.create_table(
        "task_versions",
        sa.Column("task_pk", NUMBER, nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["task_pk"], ["tasks.pk"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_pk", "version"),
    )


def _scores() -> None:
    op.create_table(
        "task_scores",
        sa.Column("taskset", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("runs", NUMBER, nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("histogram", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("taskset", "task"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("pk", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("taskset", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_remote", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("expected", NUMBER, nullable=False),
        sa.Column("ended", NUMBER, nullable=False),
        sa.Column("scored", NUMBER, nullable=False),
        sa.Column("passed", NUMBER, nullable=False),
        sa.Column("failed", NUMBER, nullable=False),
        sa.Column("cancelled", NUMBER, nullable=False),
        sa.Column("reward_sum", sa.Float(), nullable=False),
        sa.Column("rollout_seconds", sa.Float(), nullable=False),
        sa.Column("input_tokens", NUMBER, nullable=False),
        sa.Column("output_tokens", NUMBER, nullable=False),
        sa.Column("cached_tokens", NUMBER, nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("jobs_by_taskset", "jobs", ["taskset", "created_at"])
    op.create_index("jobs_by_time", "jobs", ["created_at"])


def _job_tasks() -> None:
    op.create_table(
        "job_tasks",
        sa.Column("job_pk", NUMBER, nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("position", NUMBER, nullable=False),
        sa.Column("place", NUMBER, nullable=False),
        sa.Column("scored", NUMBER, nullable=False),
        sa.Column("passed", NUMBER, nullable=False),
        sa.Column("failed", NUMBER, nullable=False),
        sa.Column("cancelled", NUMBER, nullable=False),
        sa.Column("reward_sum", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("input_tokens", NUMBER, nullable=False),
        sa.Column("output_tokens", NUMBER, nullable=False),
        sa.Column("cached_tokens", NUMBER, nullable=False),
        sa.Column("set_pk", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["job_pk"], ["jobs.pk"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["set_pk"],
            ["column_sets.pk"],
        ),
        sa.PrimaryKeyConstraint("job_pk", "task", "variant"),
    )
    op.create_index("job_tasks_in_order", "job_tasks", ["job_pk", "position"])
    op.create_index("job_tasks_by_columns", "job_tasks", ["set_pk"])


def _rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("pk", NUMBER, nullable=False),
        sa.Column("job_pk", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reward", sa.Float(), nullable=True),
        sa.Column("boundary", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("model_calls", NUMBER, nullable=False),
        sa.Column("tool_calls", NUMBER, nullable=False),
        sa.Column("input_tokens", NUMBER, nullable=False),
        sa.Column("output_tokens", NUMBER, nullable=False),
        sa.Column("cached_tokens", NUMBER, nullable=False),
        sa.Column("set_pk", NUMBER, nullable=True),
        sa.CheckConstraint("status IN ('scored', 'failed', 'cancelled')", name="status_is_known"),
        sa.ForeignKeyConstraint(["job_pk"], ["jobs.pk"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["set_pk"],
            ["column_sets.pk"],
        ),
        sa.PrimaryKeyConstraint("pk"),
    )
    op.create_index("rollouts_by_columns", "rollouts", ["set_pk", "started_at"])
    op.create_index(
        "rollouts_by_failure",
        "rollouts",
        ["job_pk", "boundary", "reason"],
        sqlite_where=sa.text("status = 'failed'"),
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.create_index("rollouts_by_id", "rollouts", ["job_pk", "id"], unique=True)
    op.create_index("rollouts_by_reward", "rollouts", ["reward"])
    op.create_index("rollouts_by_status", "rollouts", ["status", "started_at"])
    op.create_index(
        "rollouts_by_task",
        "rollouts",
        ["job_pk", "task", "variant", "number", "status", "reward", "seconds"],
    )
    op.create_index("rollouts_by_time", "rollouts", ["started_at"])
    op.create_index("rollouts_of_task", "rollouts", ["task", "started_at"])


def _contents() -> None:
    op.create_table(
        "rollout_records",
        sa.Column("rollout_pk", NUMBER, nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["rollout_pk"], ["rollouts.pk"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("rollout_pk"),
    )
    op.create_table(
        "transcripts",
        sa.Column("rollout_pk", NUMBER, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["rollout_pk"], ["rollouts.pk"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("rollout_pk"),
    )

"""What the controller says about tasksets: their tasks, versions and columns. Pure data."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from hud.types import ColumnValue

ColumnType = Literal["text", "number", "multi-select"]
Change = Literal["create", "update", "unchanged", "remote-only"]
Kept = Literal["validation", "agent_config", "metadata"]


class Column(BaseModel):
    """A custom column of a taskset."""

    type: ColumnType
    options: list[str] = Field(default_factory=list)
    """What a multi-select column may hold."""


class TasksetRecord(BaseModel):
    """A taskset."""

    name: str
    columns: dict[str, Column] = Field(default_factory=dict)
    tasks: int = 0
    created_at: datetime
    updated_at: datetime


class TaskRecord(BaseModel):
    """A task of a taskset, in its newest version."""

    slug: str
    version: int = 1
    scenario: str
    env: str | None = None
    """Name of its environment."""
    args: dict[str, Any] = Field(default_factory=dict)
    columns: dict[str, ColumnValue] = Field(default_factory=dict)
    validation: list[dict[str, Any]] | None = None
    agent_config: dict[str, Any] | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    updated_at: datetime
    runs: int = 0
    """Rollouts that ended with a reward."""
    mean: float | None = None
    """Mean reward of those."""
    histogram: list[int] = Field(default_factory=list)
    """How many rewards fell into each tenth from 0 to 1; the last one includes 1."""


class TaskUpload(BaseModel):
    """Tasks in their JSON format, to be matched by slug with a taskset's; a list of them, too."""

    tasks: list[dict[str, Any]] = Field(max_length=100_000)
    dry_run: bool = False
    """Only plan."""
    force: bool = False
    """Make a new version even of unchanged tasks."""
    keep: list[Kept] = Field(default_factory=list, max_length=3)
    """Fields that stay as they are, since what the tasks were read from has no room for them."""

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"tasks": value} if isinstance(value, list) else value


class PlannedTask(BaseModel):
    """What an upload does, or would do, with one task."""

    slug: str
    change: Change
    fields: list[str] = Field(default_factory=list)
    """What differs: `args`, `columns`, `scenario`, `validation`, `agent_config`, `env`."""
    renamed_from: str | None = None
    """A task that is only remote and equal but for its slug."""


class SyncPlan(BaseModel):
    """What an upload does, or would do."""

    taskset: str
    exists: bool
    """Whether the taskset was there before."""
    tasks: list[PlannedTask]
    columns: dict[str, Column] = Field(default_factory=dict)
    """The schema after it."""
    applied: bool = False

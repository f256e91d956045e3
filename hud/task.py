"""A task: one scenario of one environment with fixed arguments. Pure data, JSON both ways.

Running belongs to `hud.eval`; `Task.run` is the one door from here to there.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import re
import uuid
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_serializer,
    field_validator,
    model_validator,
)

from hud.errors import UserError
from hud.types import ColumnValue, MCPToolCall, Trace

SLUG_PATTERN = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
"""Kebab-case, or with the underscores that the slugs of many published tasks have."""
SLUG_LENGTH = 100
V4_FIELDS = frozenset({"prompt", "mcp_config", "setup_tool", "evaluate_tool"})
"""Fields of v4 tasks, which v5 tasks do not have."""


class EnvConfig(BaseModel):
    """An environment by name, as JSON tasks refer to it."""

    model_config = ConfigDict(extra="ignore")

    name: str
    include: list[str] | None = None
    """Names of the only tools that are taken from it; None means all."""
    exclude: list[str] | None = None
    """Names of tools that are not taken from it."""

    def admits(self, tool: str) -> bool:
        """Whether it is one of the tools to take."""
        return tool not in (self.exclude or ()) and (self.include is None or tool in self.include)


class TaskAgentConfig(BaseModel):
    """What a task asks of the agent that plays it."""

    model_config = ConfigDict(extra="ignore")

    system_prompt: str | None = None
    append_setup_output: bool = False
    append_setup_tool: bool = False
    allowed_tools: list[str] | None = None
    """Patterns of the only tools that the agent sees; None means all."""
    disallowed_tools: list[str] | None = None
    """Patterns of tools that the agent does not see."""


class Task(BaseModel):
    """A scenario with its arguments, a stable `slug` and custom `columns`.

    Fields are validated when the task is made and again on every assignment.
    """

    model_config = ConfigDict(
        validate_assignment=True, arbitrary_types_allowed=True, extra="ignore"
    )

    env: Any = None
    """The live `Environment`, an `EnvConfig` naming one, or None."""
    scenario: str | None = None
    """The scenario's name, with or without its environment's name in front (`env:scenario`)."""
    args: dict[str, Any] | None = None
    """The scenario's arguments; None marks a template that cannot run yet."""
    id: str | None = None
    slug: str | None = None
    """Kebab-case identifier, unique within a taskset."""
    columns: dict[str, ColumnValue] = Field(default_factory=dict)
    """Custom metadata to filter by."""
    validation: list[MCPToolCall] | None = None
    """Tool calls that solve the task; the `oracle` agent replays them."""
    agent_config: TaskAgentConfig | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_data_of_v4(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.keys().isdisjoint(V4_FIELDS):
            return data
        if data.get("env") or data.get("scenario"):
            return data
        return _legacy().build_env_from_v4({k: v for k, v in data.items() if v is not None})

    @field_validator("env", mode="before")
    @classmethod
    def _env_from_dict(cls, value: Any) -> Any:
        if isinstance(value, str):
            return EnvConfig(name=value)
        if isinstance(value, dict):
            return EnvConfig.model_validate(value)
        if value is not None and not hasattr(value, "name"):
            raise ValueError(f"{value!r} is no environment: give an `Environment`, or its name")
        return value

    @field_validator("slug")
    @classmethod
    def _slug_is_kebab_case(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if len(value) > SLUG_LENGTH:
            raise ValueError(
                f"slug {value[:20]!r}… has {len(value)} characters; at most {SLUG_LENGTH} fit"
            )
        if not SLUG_PATTERN.fullmatch(value):
            raise ValueError(f"slug {value!r} is not kebab-case (like `strawberry-r`)")
        return value

    @field_validator("columns", mode="before")
    @classmethod
    def _columns_are_flat(cls, value: Any) -> Any:
        if value is None:
            return {}
        if isinstance(value, dict):
            for name, cell in value.items():
                _check_cell(name, cell)
        return value

    @field_validator("metadata", mode="before")
    @classmethod
    def _no_metadata_is_empty_metadata(cls, value: Any) -> Any:
        return {} if value is None else value

    @field_validator("validation", mode="before")
    @classmethod
    def _calls_from_pairs(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [_call_from_pair(call) for call in value]

    @field_serializer("env")
    def _env_as_config(self, value: Any) -> Any:
        if value is None:
            return None
        return (
            value.model_dump(exclude_none=True)
            if isinstance(value, BaseModel)
            else {"name": value.name}
        )

    @property
    def env_name(self) -> str | None:
        """The environment's name; without an environment, the scenario's prefix."""
        if self.env is not None:
            return str(self.env.name)
        prefix, colon, _ = (self.scenario or "").rpartition(":")
        return prefix if colon else None

    @property
    def scenario_name(self) -> str:
        """The scenario's own name, without its environment's."""
        return (self.scenario or "").rpartition(":")[2]

    @property
    def key(self) -> str:
        """The slug, or a stable stand-in derived from scenario and arguments."""
        if self.slug:
            return self.slug
        stem = re.sub(r"[^a-z0-9]+", "-", self.scenario_name.lower())[: SLUG_LENGTH - 9]
        arguments = json.dumps(self.args, sort_keys=True, default=str)
        digest = hashlib.sha256(
            f"{self.env_name}:{self.scenario_name}:{arguments}".encode()
        ).hexdigest()[:8]
        return f"{stem.strip('-') or 'task'}-{digest}"

    def played_in(self, environment: str) -> Task:
        """The task under its own name, with its scenario looked for in another environment."""
        config = self.env if isinstance(self.env, EnvConfig) else EnvConfig(name=environment)
        update = {
            "env": config.model_copy(update={"name": environment}),
            "scenario": self.scenario_name,
            "slug": self.key,
        }
        return self.model_copy(update=update)

    @classmethod
    def from_v4(cls, source: Any) -> Task:
        """The task that runs as a v4 task does: its data as a dict or JSON text, or a `LegacyTask`.

        Raises:
            UserError: a field is missing, misspelt or malformed; names it.
        """
        if not isinstance(source, str):
            return cls(**_legacy().build_env_from_v4(source))
        try:
            return cls.from_v4(json.loads(source))
        except ValueError as exc:
            raise UserError(f"the v4 task is not JSON: {exc}") from exc

    def copy(self, **changes: Any) -> Task:
        """An independent task without `id` and `slug`; `changes` replace fields."""
        fields: dict[str, Any] = {
            "env": self.env,
            "scenario": self.scenario,
            "args": json_copy(self.args),
            "columns": json_copy(self.columns),
            "validation": None
            if self.validation is None
            else [call.model_copy(deep=True) for call in self.validation],
            "agent_config": self.agent_config.model_copy(deep=True) if self.agent_config else None,
            "metadata": json_copy(self.metadata),
        }
        return Task(**(fields | changes))

    async def run(
        self, agent: Any, *, max_steps: int = 10, trace: bool = True, quiet: bool = False
    ) -> Trace:
        """Run the task once, in this process, and grade it.

        `agent` is an agent's or a model's name (`"claude-sonnet-4-5"`, `"oracle"`) or an agent
        object; `max_steps` bounds the model calls (-1: no bound). Returns the trace with `reward`;
        of a rollout that failed, one with `isError` and `error` and no reward.

        Raises:
            UserError: the agent is unknown, its key or package is missing, or the task cannot run.
        """
        from hud.eval.rollout import run_task  # noqa: PLC0415 - the named door upwards

        return await run_task(self, agent, max_steps=max_steps)

    def to_json(self) -> dict[str, Any]:
        """The task as JSON data that `Task(**data)` reads back."""
        return self.model_dump(mode="json", exclude_none=True)


def _legacy() -> Any:
    """The built-in environment for v4 tasks, which lives above; loaded when a task needs it."""
    return importlib.import_module("hud.environment.legacy.published")


def _call_from_pair(call: Any) -> Any:
    if isinstance(call, tuple) and 1 <= len(call) <= 2:
        return dict(zip(("name", "arguments"), call, strict=False))
    return call


def json_copy(value: Any) -> Any:
    """A deep copy of JSON-like data."""
    if isinstance(value, dict):
        return {key: json_copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_copy(item) for item in value]
    return value


def new_id() -> str:
    """A fresh random identifier: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def check_unique_slugs(tasks: list[Task]) -> None:
    """Refuse a taskset in which two tasks share a slug.

    Raises:
        UserError: names the first slug that occurs twice.
    """
    seen: dict[str, Task] = {}
    for task in tasks:
        if task.slug and seen.setdefault(task.slug, task) is not task:
            raise UserError(
                f"two tasks have the slug `{task.slug}`", hint="give each task a slug of its own"
            )


def _check_cell(name: Any, cell: Any) -> None:
    if not isinstance(name, str):
        raise ValueError(f"column name {name!r} is not a text")
    if (
        cell is None
        or isinstance(cell, str | int)
        or (isinstance(cell, float) and math.isfinite(cell))
    ):
        return
    if isinstance(cell, list | tuple) and all(isinstance(item, str) for item in cell):
        return
    raise ValueError(
        f"column {name!r} holds {cell!r}; a column is a text, a number or a list of texts"
    )

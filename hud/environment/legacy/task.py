"""v4's task: how its data is read, and which task of the built-in environment does the same."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hud.environment.legacy import calls
from hud.environment.legacy.calls import ToolCalls, from_json
from hud.environment.legacy.scenario import ENVIRONMENT, legacy_environment
from hud.errors import UserError, did_you_mean
from hud.task import SLUG_LENGTH, Task, TaskAgentConfig
from hud.types import ColumnValue

MARKS = ("prompt", "mcp_config", "setup_tool", "evaluate_tool", "integration_test_tool")
"""Fields that only a v4 task has."""
NEEDED = ("prompt", "mcp_config", "evaluate_tool")
WITHOUT_EFFECT = frozenset({"initial_screenshot", "response_tool_name"})
"""Keys of `agent_config` that are accepted and change nothing, as in v5."""
TYPO = 0.8
"""How much an unknown key has to resemble a known one to be taken for it."""


class V4Task(BaseModel):
    """A task as v4 wrote it; dicts and tool calls may be JSON texts, tool calls may be short."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str | None = None
    prompt: str
    mcp_config: dict[str, dict[str, Any]]
    """MCP servers by name, with `${VAR}` and `${VAR:default}` as they were written."""
    setup_tool: ToolCalls = None
    """Calls before the agent starts; one that fails ends the rollout."""
    evaluate_tool: ToolCalls = None
    """Calls after the agent ended; the reward is the mean of theirs."""
    integration_test_tool: ToolCalls = None
    """Calls that solve the task."""
    agent_config: TaskAgentConfig | None = None
    system_prompt: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    slug: str | None = None
    columns: dict[str, ColumnValue] = Field(default_factory=dict)

    @field_validator("metadata", "columns", mode="before")
    @classmethod
    def _dict_from_json(cls, value: Any) -> Any:
        return from_json(value) or {}

    @field_validator("mcp_config", mode="before")
    @classmethod
    def _config_names_servers(cls, value: Any) -> Any:
        config = from_json(value)
        servers = config.get("mcpServers", config) if isinstance(config, dict) else config
        if not servers:
            raise ValueError("it names no server")
        return servers

    @field_validator("mcp_config")
    @classmethod
    def _servers_can_be_reached(cls, servers: dict[str, Any]) -> dict[str, Any]:
        for name, config in servers.items():
            if not (config.get("url") or config.get("command")):
                raise ValueError(f"the server `{name}` has neither `url` nor `command`")
        return servers

    @field_validator("setup_tool", "evaluate_tool", "integration_test_tool", mode="before")
    @classmethod
    def _calls_from_short_forms(cls, value: Any) -> Any:
        given = from_json(value)
        if isinstance(given, list):
            return [calls.read_call(item) for item in given]
        return None if given is None else calls.read_call(given)

    @field_validator("agent_config", mode="before")
    @classmethod
    def _agent_config_has_known_keys(cls, value: Any) -> Any:
        given = from_json(value)
        known = WITHOUT_EFFECT | TaskAgentConfig.model_fields.keys()
        for key in sorted(given.keys() - known) if isinstance(given, dict) else ():
            raise ValueError(f"unknown key {key!r}; {did_you_mean(key, known)}")
        return given


class LegacyTask(V4Task):
    """A v4 task, for code that still makes them; warns that it is deprecated."""

    def __init__(self, **fields: Any) -> None:
        instead = "write a scenario with `@env.scenario`, or turn a file with `hud convert`"
        warnings.warn(f"LegacyTask is deprecated: {instead}", DeprecationWarning, stacklevel=2)
        super().__init__(**fields)


def is_v4(data: Mapping[str, Any]) -> bool:
    """Whether a task's data has a field of v4, and names neither an environment nor a scenario."""
    return not (data.get("env") or data.get("scenario")) and any(key in data for key in MARKS)


def load_dicts(items: Iterable[Mapping[str, Any]]) -> list[Task]:
    """The tasks of v4 data, in order.

    Raises:
        UserError: names the position of the item, from 0, and what is wrong with it.
    """
    tasks = []
    for position, item in enumerate(items):
        try:
            tasks.append(to_task(item))
        except UserError as exc:
            raise UserError(f"item {position}: {exc.message}", hint=exc.hint) from exc
    return tasks


def to_task(source: V4Task | Mapping[str, Any]) -> Task:
    """A task that runs as the v4 task did. Equal data makes equal tasks.

    Raises:
        UserError: a field is missing, misspelt or malformed; names it.
    """
    return Task(**{**to_v5(source), "env": legacy_environment()})


def to_v5(source: V4Task | Mapping[str, Any]) -> dict[str, Any]:
    """The v5 JSON of a v4 task: a task of the built-in environment, its variables not filled in.

    A task without a slug gets one from its id.

    Raises:
        UserError: a field is missing, misspelt or malformed; names it.
    """
    v4 = source if isinstance(source, V4Task) else _read(source)
    if not v4.evaluate_tool:
        raise _missing("evaluate_tool")
    agent = _agent_config(v4)
    fields = {
        "env": {"name": ENVIRONMENT},
        "scenario": "legacy",
        "args": _arguments(v4, bool(agent.get("append_setup_output"))),
        "id": v4.id,
        "slug": v4.slug or _slug_of(v4.id),
        "columns": v4.columns,
        "validation": calls.to_json(v4.integration_test_tool),
        "agent_config": agent,
        "metadata": v4.metadata,
    }
    given = {name: value for name, value in fields.items() if value}
    try:
        Task(**given)
    except ValidationError as exc:
        raise UserError(_complaint(exc)) from exc
    return given


def _arguments(v4: V4Task, append_setup_output: bool) -> dict[str, Any]:
    arguments = {
        "prompt": v4.prompt,
        "mcp_config": v4.mcp_config,
        "setup_tool": calls.to_json(v4.setup_tool),
        "evaluate_tool": calls.to_json(v4.evaluate_tool),
        "append_setup_output": append_setup_output,
    }
    return {name: value for name, value in arguments.items() if value}


def _agent_config(v4: V4Task) -> dict[str, Any]:
    config = v4.agent_config or TaskAgentConfig()
    allows_all = "*" in (config.allowed_tools or ())
    changes = {
        "system_prompt": config.system_prompt or v4.system_prompt,
        "append_setup_output": config.append_setup_output or config.append_setup_tool,
        "append_setup_tool": False,
        "allowed_tools": None if allows_all else config.allowed_tools,
    }
    return config.model_copy(update=changes).model_dump(exclude_defaults=True)


def _read(data: Mapping[str, Any]) -> V4Task:
    for key in NEEDED:
        if not data.get(key):
            raise _missing(key)
    for key in sorted(data.keys() - V4Task.model_fields.keys()):
        for near in difflib.get_close_matches(key, V4Task.model_fields, n=1, cutoff=TYPO):
            hint = f"did you mean `{near}`?"
            raise UserError(f"the v4 task has an unknown key `{key}`", hint=hint)
    try:
        return V4Task.model_validate(dict(data))
    except ValidationError as exc:
        raise UserError(_complaint(exc)) from exc


def _missing(key: str) -> UserError:
    needed = ", ".join(f"`{name}`" for name in NEEDED)
    hint = f"a v4 task needs {needed}; a v5 task needs `env`, `scenario` and `args`"
    return UserError(f"the v4 task has no `{key}`", hint=hint)


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"][:2])
    return f"the v4 task's `{field}`: {first['msg'].removeprefix('Value error, ')}"


def _slug_of(name: str | None) -> str | None:
    slug = re.sub(r"[^a-z0-9]+", "-", (name or "").lower()).strip("-")
    return slug if slug and len(slug) <= SLUG_LENGTH else None

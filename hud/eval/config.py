"""The options of an evaluation: from the command line, then `.hud_eval.toml`, then defaults."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hud.errors import UserError, did_you_mean
from hud.settings import variable

CONFIG_FILE = ".hud_eval.toml"
STEPS = 10
STEPS_OF_FULL_RUNS = 100
AGENT_SECTIONS = ("claude", "openai", "openai_compatible", "gemini", "gemini_cua", "operator")
IGNORED = frozenset({"auto_respond", "very_verbose"})
"""Options of the original that steer its hosted service; a file that has them is still read."""


class EvalConfig(BaseModel):
    """How to evaluate."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = None
    """File or folder with the tasks."""
    agent: str | None = None
    """An agent's or a model's name."""
    model: str | None = None
    all: bool = False
    """Every task instead of the first one."""
    full: bool = False
    """Every task, with more steps."""
    task_ids: list[str] | None = None
    group_size: int = Field(1, ge=1)
    """Runs of each task."""
    max_concurrent: int = Field(30, ge=1, le=1000)
    max_steps: int | None = Field(None, ge=-1)
    """Model calls of one rollout; -1: no bound."""
    timeout: float | None = Field(None, gt=0)
    """Seconds that one rollout may take."""
    isolation: Literal["fork", "spawn", "shared", "container"] = "fork"
    seed: str | None = None
    pass_threshold: float = 1.0
    allowed_tools: list[str] | None = None
    disallowed_tools: list[str] | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the agent."""
    remote: bool = False
    """Run it at the controller."""
    environment: str | None = None
    """The controller's environment that plays all tasks."""
    gateway: bool = False
    """Ask models through the controller's gateway."""
    cache: bool = False
    """Answer repeated requests to models from the gateway's cache; implies `gateway`."""
    taskset: str | None = None
    """The taskset that a local job is recorded under."""
    verbose: bool = False
    quiet: bool = False

    @property
    def steps(self) -> int:
        """Model calls of one rollout."""
        if self.max_steps is not None:
            return self.max_steps
        return STEPS_OF_FULL_RUNS if self.full else STEPS

    @property
    def only_first(self) -> bool:
        """Whether only the first task runs."""
        return not (self.all or self.full or self.task_ids)


def load_config(given: Mapping[str, Any], pairs: Sequence[str], folder: Path) -> EvalConfig:
    """Options that were `given` (None: not given) and `key=value` pairs, over those of the folder's
    file.

    Raises:
        UserError: an option or the file is not valid.
    """
    file, sections = _read_file(folder / CONFIG_FILE)
    chosen = file | {name: value for name, value in given.items() if value is not None}
    try:
        config = EvalConfig(**chosen)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "option"
        known = (
            did_you_mean(name, EvalConfig.model_fields)
            if first["type"] == "extra_forbidden"
            else None
        )
        raise UserError(f"option `{name}`: {first['msg']}", hint=known) from exc
    section = sections.get(config.agent or "", {})
    return config.model_copy(update={"options": {**section, **parse_pairs(pairs, config.agent)}})


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    if not path.is_file():
        return {}, {}
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise UserError(f"`{path.name}` is not TOML: {exc}") from exc
    data = _substitute(data)
    unknown = set(data) - {"eval", "agent", *AGENT_SECTIONS}
    if unknown:
        name = min(unknown)
        raise UserError(
            f"`{path.name}` has an unknown section [{name}]",
            hint=did_you_mean(name, ("eval", *AGENT_SECTIONS)),
        )
    for name, section in data.items():
        if not isinstance(section, dict):
            raise UserError(
                f"`{path.name}`: `{name}` is no section",
                hint=f"write [{name}] and its options below",
            )
    options = {name: value for name, value in data.get("eval", {}).items() if name not in IGNORED}
    sections = {name: data[name] for name in AGENT_SECTIONS if name in data}
    return options | data.get("agent", {}), sections


def _substitute(value: Any) -> Any:
    """Replace `${NAME}` in texts by the environment's value, or by nothing."""
    if isinstance(value, dict):
        return {name: _substitute(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: variable(found[1]) or "", value)
    return value


def parse_pairs(pairs: Sequence[str], agent: str | None) -> dict[str, Any]:
    """`key=value` and `agent.key=value` as the agent's options; values are JSON where they can be.

    Pairs for another agent are left out.

    Raises:
        UserError: a pair has no `=`, or its prefix is no agent.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise UserError(f"`--config {pair}` is not KEY=VALUE")
        prefix, dot, key = name.strip().rpartition(".")
        if dot and prefix not in ("agent", agent) and prefix not in AGENT_SECTIONS:
            raise UserError(
                f"`--config {pair}`: there is no agent `{prefix}`",
                hint=did_you_mean(prefix, AGENT_SECTIONS),
            )
        if not dot or prefix in ("agent", agent):
            options[key] = _value(text)
    return options


def _value(text: str) -> Any:
    lowered = text.strip().lower()
    if lowered in ("true", "false", "none", "null"):
        return {"true": True, "false": False}.get(lowered)
    try:
        return json.loads(text)
    except ValueError:
        return text

"""What agents can be told; an option that they do not know is refused, with the near ones."""

from __future__ import annotations

import difflib
import logging
from typing import Any, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from hud.errors import UserError

logger = logging.getLogger(__name__)

ConfigT = TypeVar("ConfigT", bound="AgentConfig")

WITHOUT_EFFECT = frozenset(
    {
        "append_setup_output",
        "append_setup_tool",
        "auto_respond",
        "excluded_predefined_functions",
        "initial_screenshot",
        "model_name",
        "response_tool_name",
        "top_k",
        "use_computer_beta",
        "validate_api_key",
    }
)
"""Options that published code passes and that change nothing here."""


class AgentConfig(BaseModel):
    """Options that every agent takes."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)

    model: str = Field("", validation_alias=AliasChoices("model", "checkpoint_name"))
    """Name of the model, as its provider spells it."""
    system_prompt: str | None = None
    """Instructions in front of those of the task."""
    allowed_tools: list[str] | None = None
    """Patterns (`fnmatch`) of the only tools that are offered to the model; None means all."""
    disallowed_tools: list[str] | None = None
    """Patterns of tools that are not offered."""
    verbose: bool = False
    """Log each step at INFO."""


class BaseAgentConfig(AgentConfig):
    """The options that published agents of one's own are made from; some have no effect here."""

    append_setup_output: bool = False
    append_setup_tool: bool = False
    initial_screenshot: bool = False
    response_tool_name: str | None = None


class ProviderConfig(AgentConfig):
    """Options of an agent that asks a model provider."""

    api_key: str | None = Field(None, repr=False)
    """The provider's key; default: the provider's environment variable."""
    base_url: str | None = None
    """Where the provider is; default: its environment variable, then its own address."""


def read_config(config_cls: type[ConfigT], agent: str, options: dict[str, Any]) -> ConfigT:
    """The options as a config.

    Raises:
        UserError: names the option that the agent does not take, or whose value does not fit.
    """
    idle = WITHOUT_EFFECT - config_cls.model_fields.keys()
    useful = {name: value for name, value in options.items() if name not in idle}
    for name in options.keys() - useful.keys():
        logger.info("the option `%s` of the agent `%s` has no effect", name, agent)
    try:
        return config_cls(**useful)
    except ValidationError as error:
        raise _complaint(config_cls, agent, error) from None


def _complaint(config_cls: type[AgentConfig], agent: str, error: ValidationError) -> UserError:
    first = error.errors(include_url=False)[0]
    option = ".".join(map(str, first["loc"]))
    if first["type"] != "extra_forbidden":
        return UserError(f"the agent `{agent}`: `{option}` is {first['input']!r}: {first['msg']}")
    names = list(config_cls.model_fields)
    near = difflib.get_close_matches(option, names, n=1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    return UserError(
        f"the agent `{agent}` has no option `{option}`",
        hint=f"{hint}it takes {', '.join(f'`{name}`' for name in names)}",
    )

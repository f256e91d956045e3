"""The agent for Gemini, by its OpenAI-compatible endpoint."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import AliasChoices, Field

from hud.agents.agent import Message
from hud.agents.config import AgentConfig
from hud.agents.connection import GEMINI, Provider
from hud.agents.openai_chat import OpenAIChatAgent, OpenAIChatConfig
from hud.types import AgentType


class GeminiConfig(OpenAIChatConfig):
    """Options of `GeminiAgent`."""

    model: str = Field(
        "gemini-3-pro-preview", validation_alias=AliasChoices("model", "checkpoint_name")
    )
    temperature: float = 1.0
    top_p: float = 0.95
    max_output_tokens: int = 8192
    thinking_level: str | None = None
    """How much the model thinks: `low`, `high`."""
    include_thoughts: bool | None = None
    """Ask for summaries of the model's thoughts."""


class GeminiAgent(OpenAIChatAgent):
    """Plays with a Gemini model."""

    name: ClassVar[str] = "gemini"
    provider: ClassVar[Provider] = GEMINI
    config_cls: ClassVar[type[AgentConfig]] = GeminiConfig
    family: ClassVar[AgentType | None] = AgentType.GEMINI
    config: GeminiConfig

    def arguments(self, messages: list[Message]) -> dict[str, Any]:
        config = self.config
        defaults: dict[str, Any] = {
            "temperature": config.temperature,
            "top_p": config.top_p,
            "max_tokens": config.max_output_tokens,
        }
        thinking = {
            "thinking_level": config.thinking_level,
            "include_thoughts": config.include_thoughts,
        }
        asked = {name: option for name, option in thinking.items() if option is not None}
        if asked:
            # The endpoint reads Gemini's own options from a field that is itself called
            # `extra_body`.
            defaults["extra_body"] = {"extra_body": {"google": {"thinking_config": asked}}}
        return defaults | super().arguments(messages)

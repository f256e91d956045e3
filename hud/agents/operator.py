"""The agent for OpenAI's computer use model: the Responses API, with a computer of its own kind."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import AliasChoices, Field

from hud.agents.config import AgentConfig
from hud.agents.openai import OpenAIAgent, OpenAIConfig
from hud.errors import AgentFailure
from hud.formats import openai_native
from hud.formats.native import NativeTool
from hud.types import AgentType


class OperatorConfig(OpenAIConfig):
    """Options of `OperatorAgent`."""

    model: str = Field(
        "computer-use-preview", validation_alias=AliasChoices("model", "checkpoint_name")
    )
    environment: Literal["windows", "mac", "linux", "ubuntu", "browser"] = "linux"
    """What runs on the screen."""
    truncation: Literal["auto", "disabled"] | None = "auto"
    """The model demands `auto`."""


class OperatorAgent(OpenAIAgent):
    """Plays with OpenAI's computer use model, on an environment with `OpenAIComputerTool`."""

    name: ClassVar[str] = "operator"
    config_cls: ClassVar[type[AgentConfig]] = OperatorConfig
    family: ClassVar[AgentType | None] = AgentType.OPERATOR
    config: OperatorConfig

    def _on_tools_ready(self) -> None:
        if not self._offer.natives:
            raise AgentFailure(
                f"the environment has no computer for the model `{self.model}`",
                hint="env.add_tool(OpenAIComputerTool())",
            )
        super()._on_tools_ready()

    def native_tool(self, native: NativeTool) -> dict[str, Any]:
        return openai_native.tool(native, environment=self.config.environment)

"""The agent for Gemini's computer use model, by the Gemini API."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import mcp_types
from mcp_types import TextContent
from pydantic import AliasChoices, Field

from hud.agents.agent import MCPAgent, Message, read_call
from hud.agents.config import AgentConfig, ProviderConfig
from hud.agents.connection import GEMINI, connect
from hud.agents.gemini_client import generate
from hud.agents.retry import Refusal
from hud.errors import AgentFailure
from hud.formats import content, gemini, gemini_native
from hud.formats.gemini_native import ComputerCall
from hud.formats.native import NativeTool
from hud.types import AgentResponse, AgentType, MCPToolCall, MCPToolResult, Usage


class GeminiCUAConfig(ProviderConfig):
    """Options of `GeminiCUAAgent`."""

    model: str = Field(
        "gemini-2.5-computer-use-preview-10-2025",
        validation_alias=AliasChoices("model", "checkpoint_name"),
    )
    temperature: float = 1.0
    top_p: float = 0.95
    top_k: int = 40
    max_output_tokens: int = 8192
    thinking_level: str | None = None
    """How much the model thinks: `low`, `high`."""
    include_thoughts: bool = True
    """Ask for summaries of the model's thoughts."""
    excluded_predefined_functions: list[str] = Field(default_factory=list)
    """What the model may not do with the computer, such as `drag_and_drop`."""


class GeminiCUAAgent(MCPAgent):
    """Plays with Gemini's computer use model, on an environment with `GeminiComputerTool`."""

    name: ClassVar[str] = "gemini_cua"
    config_cls: ClassVar[type[AgentConfig]] = GeminiCUAConfig
    family: ClassVar[AgentType | None] = AgentType.GEMINI_CUA
    config: GeminiCUAConfig

    def __init__(self, config: AgentConfig | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.connection = connect(GEMINI, self.name, self.config)
        self._tools: list[dict[str, Any]] = []
        self._computer: NativeTool | None = None

    def _on_tools_ready(self) -> None:
        self._computer = next(iter(self._offer.natives.values()), None)
        if self._computer is None:
            raise AgentFailure(
                f"the environment has no computer for the model `{self.model}`",
                hint="env.add_tool(GeminiComputerTool())",
            )
        functions = self._offer.functions
        excluded = [*self.config.excluded_predefined_functions, *(tool.name for tool in functions)]
        self._tools = [gemini_native.tool(excluded), *gemini.tools(functions)]

    async def get_system_messages(self) -> list[Message]:
        return []

    async def format_blocks(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        return [{"role": "user", "parts": _parts(blocks)}]

    async def format_assistant(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        return [{"role": "model", "parts": _parts(blocks)}]

    async def get_response(self, messages: list[Message]) -> AgentResponse:
        declared = {tool.name for tool in self._offer.functions}
        read_part = partial(gemini_native.call, native=self._computer, declared=declared)
        read = partial(read_candidate, read_part=read_part)
        message, response = await generate(self.connection, self.body(messages), read)
        messages.append(message)
        return response

    async def format_tool_results(
        self, tool_calls: list[MCPToolCall], tool_results: list[MCPToolResult]
    ) -> list[Message]:
        pairs = zip(tool_calls, tool_results, strict=True)
        return [{"role": "user", "parts": [_answer(call, result) for call, result in pairs]}]

    def body(self, messages: list[Message]) -> dict[str, Any]:
        """The request for the next turn."""
        config = self.config
        thinking: dict[str, Any] = {"includeThoughts": config.include_thoughts}
        if config.thinking_level:
            thinking["thinkingLevel"] = config.thinking_level
        generation = {
            "temperature": config.temperature,
            "topP": config.top_p,
            "topK": config.top_k,
            "maxOutputTokens": config.max_output_tokens,
            "thinkingConfig": thinking,
        }
        prompt = self.system_prompt
        instructions = {"systemInstruction": {"parts": [{"text": prompt}]}} if prompt else {}
        body = {"contents": messages, "tools": self._tools, "generationConfig": generation}
        return {**body, **instructions}


def read_candidate(
    answer: Any, read_part: Callable[[Any], MCPToolCall] = gemini.call
) -> tuple[Message, AgentResponse]:
    """The model's turn, as it goes back to the provider, and what it says.

    `read_part` reads a part that calls a function.

    Raises:
        Refusal: there is no turn in the answer.
    """
    candidates = answer.get("candidates") if isinstance(answer, dict) else None
    if not isinstance(candidates, list) or not candidates:
        raise Refusal(_blocked(answer) or "the answer has no candidates")
    message = candidates[0].get("content") or {}
    parts = message.get("parts") or []
    said = [part for part in parts if part.get("text")]
    response = AgentResponse(
        content="".join(part["text"] for part in said if not part.get("thought")),
        reasoning="\n".join(part["text"] for part in said if part.get("thought")),
        tool_calls=[read_call(read_part, part) for part in parts if part.get("functionCall")],
        usage=_usage(answer.get("usageMetadata") or {}),
        finish_reason=candidates[0].get("finishReason"),
    )
    return {"role": "model", "parts": parts}, response


def _blocked(answer: Any) -> str | None:
    feedback = answer.get("promptFeedback") if isinstance(answer, dict) else None
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return f"the prompt was blocked: {reason}" if reason else None


def _answer(call: MCPToolCall, result: MCPToolResult) -> dict[str, Any]:
    if isinstance(call, ComputerCall):
        return gemini_native.result(call, result)
    return gemini.result(call, result)


def _parts(blocks: list[mcp_types.ContentBlock]) -> list[dict[str, Any]]:
    return [
        {"text": part.text}
        if isinstance(part, TextContent)
        else {"inlineData": {"mimeType": part.mime_type, "data": part.data}}
        for part in content.parts(MCPToolResult(content=blocks), gemini.IMAGES)
    ]


def _usage(usage: dict[str, Any]) -> Usage:
    said, thought = usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount")
    return Usage(
        input_tokens=usage.get("promptTokenCount") or 0,
        output_tokens=(said or 0) + (thought or 0),
        cached_tokens=usage.get("cachedContentTokenCount") or 0,
    )

"""The agent for chat completions: OpenAI's, and every endpoint that speaks them."""

from __future__ import annotations

from typing import Any, ClassVar

import mcp_types
from mcp_types import TextContent
from pydantic import AliasChoices, Field, field_validator

from hud.agents.agent import MCPAgent, Message, read_call
from hud.agents.config import AgentConfig, ProviderConfig
from hud.agents.connection import COMPATIBLE, Provider, connect
from hud.agents.openai_client import CHAT, items, request, without_retries
from hud.agents.retry import Refusal
from hud.formats import content, openai_chat
from hud.types import AgentResponse, AgentType, MCPToolCall, MCPToolResult, Usage

OURS = frozenset({"messages", "model", "stream", "tools"})
"""What `completion_kwargs` cannot set, for the loop sets it."""


class OpenAIChatConfig(ProviderConfig):
    """Options of `OpenAIChatAgent`."""

    model: str = Field("gpt-5-mini", validation_alias=AliasChoices("model", "checkpoint_name"))
    checkpoint: str | None = None
    """Sent along as `checkpoint`, for endpoints that serve several states of one model."""
    openai_client: Any = None
    """An `AsyncOpenAI` to use instead of a shared client."""
    completion_kwargs: dict[str, Any] = Field(default_factory=dict)
    """More arguments for `chat.completions.create`, such as `temperature` or `extra_body`."""

    @field_validator("completion_kwargs")
    @classmethod
    def _leaves_ours_alone(cls, value: dict[str, Any]) -> dict[str, Any]:
        taken = OURS & value.keys()
        if taken:
            raise ValueError(f"the agent sets {', '.join(sorted(taken))} itself")
        return value


class OpenAIChatAgent(MCPAgent):
    """Plays with a model behind a chat completions endpoint."""

    name: ClassVar[str] = "openai_compatible"
    provider: ClassVar[Provider] = COMPATIBLE
    config_cls: ClassVar[type[AgentConfig]] = OpenAIChatConfig
    family: ClassVar[AgentType | None] = AgentType.OPENAI_COMPATIBLE
    config: OpenAIChatConfig

    def __init__(self, config: AgentConfig | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.client = without_retries(self.config.openai_client)
        self.connection = connect(self.provider, self.name, self.config, client=self.client)
        self._tools: list[dict[str, Any]] = []

    def _on_tools_ready(self) -> None:
        self._tools = openai_chat.tools(self._available_tools)

    async def format_blocks(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        return [{"role": "user", "content": _content(blocks)}]

    async def format_assistant(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        return [{"role": "assistant", "content": content.text(MCPToolResult(content=blocks))}]

    async def get_response(self, messages: list[Message]) -> AgentResponse:
        message, response = await request(
            self.connection, CHAT, self.arguments(messages), given=self.client, read=read_completion
        )
        messages.append(message)
        return response

    async def format_tool_results(
        self, tool_calls: list[MCPToolCall], tool_results: list[MCPToolResult]
    ) -> list[Message]:
        answered = list(zip(tool_calls, tool_results, strict=True))
        shown = openai_chat.images_message(answered)
        return [openai_chat.result(*pair) for pair in answered] + ([shown] if shown else [])

    def arguments(self, messages: list[Message]) -> dict[str, Any]:
        """Arguments of `chat.completions.create` for the next turn."""
        arguments: dict[str, Any] = {"model": self.config.model, "messages": messages}
        if self._tools:
            arguments["tools"] = self._tools
        arguments |= self.config.completion_kwargs
        if self.config.checkpoint:
            arguments["extra_body"] = {
                "checkpoint": self.config.checkpoint,
                **arguments.get("extra_body", {}),
            }
        return arguments


def read_completion(answer: Any) -> tuple[Message, AgentResponse]:
    """The model's message, as it goes back to the endpoint, and what it says.

    Raises:
        Refusal: there is no message in the answer.
    """
    choices = items(answer.get("choices") if isinstance(answer, dict) else None, "choices")
    message = choices[0].get("message") if choices else None
    if not isinstance(message, dict):
        raise Refusal("the answer has no choices")
    calls = items(message.get("tool_calls") or [], "tool calls")
    response = AgentResponse(
        content=message.get("content") or message.get("refusal") or "",
        reasoning=message.get("reasoning_content") or message.get("reasoning") or "",
        tool_calls=[read_call(openai_chat.call, call) for call in calls],
        usage=_usage(answer.get("usage") or {}),
        finish_reason=choices[0].get("finish_reason"),
    )
    # Endpoints add to their messages (signatures of thoughts) and want that back.
    return {
        name: part for name, part in message.items() if part is not None or name == "content"
    }, response


def _content(blocks: list[mcp_types.ContentBlock]) -> str | list[dict[str, Any]]:
    parts = content.parts(MCPToolResult(content=blocks), content.COMMON_IMAGES)
    if len(parts) == 1 and isinstance(parts[0], TextContent):
        return parts[0].text
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, TextContent)
        else {"type": "image_url", "image_url": {"url": content.data_url(part)}}
        for part in parts
    ]


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=usage.get("prompt_tokens") or 0,
        output_tokens=usage.get("completion_tokens") or 0,
        cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
    )

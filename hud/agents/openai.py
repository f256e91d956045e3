"""The agent for OpenAI's models, by the Responses API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Literal

import mcp_types
from mcp_types import TextContent
from pydantic import AliasChoices, Field

from hud.agents.agent import MCPAgent, Message, read_call
from hud.agents.config import AgentConfig, ProviderConfig
from hud.agents.connection import OPENAI, connect
from hud.agents.openai_client import RESPONSES, items, request, without_retries
from hud.agents.retry import Refusal
from hud.formats import content, openai_native, openai_responses
from hud.formats.native import NativeTool
from hud.formats.openai_native import SCREENSHOT, NativeCall
from hud.types import AgentResponse, AgentType, Citation, MCPToolCall, MCPToolResult, Usage


class OpenAIConfig(ProviderConfig):
    """Options of `OpenAIAgent`; those without a default are left to the provider."""

    model: str = Field("gpt-5.4", validation_alias=AliasChoices("model", "checkpoint_name"))
    model_client: Any = None
    """An `AsyncOpenAI` to use instead of a shared client."""
    max_output_tokens: int | None = None
    temperature: float | None = None
    reasoning: Any = None
    """`{"effort": "low", "summary": "auto"}`."""
    tool_choice: Any = None
    text: Any = None
    """`{"verbosity": "low"}`."""
    truncation: Literal["auto", "disabled"] | None = None
    parallel_tool_calls: bool | None = None


SENT = ("max_output_tokens", "temperature", "reasoning", "text", "truncation")
SENT_WITH_TOOLS = ("tool_choice", "parallel_tool_calls")


class OpenAIAgent(MCPAgent):
    """Plays with a model of OpenAI."""

    name: ClassVar[str] = "openai"
    config_cls: ClassVar[type[AgentConfig]] = OpenAIConfig
    family: ClassVar[AgentType | None] = AgentType.OPENAI
    config: OpenAIConfig

    def __init__(self, config: AgentConfig | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.client = without_retries(self.config.model_client)
        self.connection = connect(OPENAI, self.name, self.config, client=self.client)
        self._tools: list[dict[str, Any]] = []

    def _on_tools_ready(self) -> None:
        own = [self.native_tool(item) for item in self._offer.natives.values()]
        self._tools = [*openai_responses.tools(self._offer.functions), *own]

    def native_tool(self, native: NativeTool) -> dict[str, Any]:
        """How one of the provider's own tools is asked for."""
        return openai_native.tool(native)

    async def get_system_messages(self) -> list[Message]:
        return []

    async def format_blocks(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        parts = content.parts(MCPToolResult(content=blocks), content.COMMON_IMAGES)
        return [{"role": "user", "content": [_input(part) for part in parts]}]

    async def format_assistant(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        return [{"role": "assistant", "content": content.text(MCPToolResult(content=blocks))}]

    async def get_response(self, messages: list[Message]) -> AgentResponse:
        output, response = await request(
            self.connection,
            RESPONSES,
            self.arguments(messages),
            given=self.client,
            read=partial(read_response, natives=self._offer.natives),
        )
        messages.extend(output)
        return response

    async def format_tool_results(
        self, tool_calls: list[MCPToolCall], tool_results: list[MCPToolResult]
    ) -> list[Message]:
        pairs = zip(tool_calls, tool_results, strict=True)
        return [item for call, result in pairs for item in _answers(call, result)]

    async def _call(self, call: MCPToolCall) -> MCPToolResult:
        """Run a call; the computer's answer always has a picture, of a failed action as well."""
        result = await super()._call(call)
        if not isinstance(call, NativeCall) or call.kind != "computer_call":
            return result
        if call.safety_checks:
            acknowledged = self._context().trace.info.setdefault("acknowledged_safety_checks", [])
            acknowledged.extend(call.safety_checks)
        if content.images(result):
            return result
        seen = await super()._call(call.model_copy(update={"arguments": SCREENSHOT}))
        shown = [*result.content, *content.images(seen)]
        return result.model_copy(update={"content": shown})

    def arguments(self, messages: list[Message]) -> dict[str, Any]:
        """Arguments of `responses.create` for the next turn."""
        arguments: dict[str, Any] = {"model": self.config.model, "input": messages}
        if self.system_prompt:
            arguments["instructions"] = self.system_prompt
        if self._tools:
            arguments["tools"] = self._tools
        sent = SENT + SENT_WITH_TOOLS if self._tools else SENT
        options = {name: getattr(self.config, name) for name in sent}
        return arguments | {name: option for name, option in options.items() if option is not None}


def read_response(
    answer: Any, natives: Mapping[str, NativeTool] | None = None
) -> tuple[list[Message], AgentResponse]:
    """The model's items, as they go back to the provider, and what they say.

    `natives` are the provider's own tools that were offered.

    Raises:
        Refusal: the answer is no response.
    """
    if not isinstance(answer, dict) or "status" not in answer:
        raise Refusal("the answer is no response")
    output = items(answer.get("output"), "output")
    parts = _parts(output, "message", "content")
    response = AgentResponse(
        content="".join(part.get("text") or part.get("refusal") or "" for part in parts),
        reasoning="\n".join(
            part.get("text", "") for part in _parts(output, "reasoning", "summary")
        ),
        tool_calls=list(_calls(output, natives or {})),
        citations=[_citation(note) for part in parts for note in part.get("annotations") or []],
        usage=_usage(answer.get("usage") or {}),
        finish_reason=(answer.get("incomplete_details") or {}).get("reason") or answer["status"],
    )
    said = [
        openai_native.returnable(item) if openai_native.matches(item) else item for item in output
    ]
    return said, response


def _calls(
    output: list[dict[str, Any]], natives: Mapping[str, NativeTool]
) -> Iterator[MCPToolCall]:
    for item in output:
        if openai_responses.matches(item):
            yield read_call(openai_responses.call, item)
        elif openai_native.matches(item):
            yield openai_native.call(item, natives)


def _answers(call: MCPToolCall, result: MCPToolResult) -> list[dict[str, Any]]:
    if isinstance(call, NativeCall):
        return openai_native.result(call, result)
    return [openai_responses.result(call, result)]


def _parts(output: list[dict[str, Any]], kind: str, field: str) -> list[dict[str, Any]]:
    """What the items of one kind hold in `field`."""
    return [part for item in output if item.get("type") == kind for part in item.get(field) or []]


def _input(part: TextContent | mcp_types.ImageContent) -> dict[str, Any]:
    if isinstance(part, TextContent):
        return {"type": "input_text", "text": part.text}
    return {"type": "input_image", "image_url": content.data_url(part), "detail": "auto"}


def _citation(note: dict[str, Any]) -> Citation:
    return Citation(
        type=note.get("type", "citation"),
        source=note.get("url") or note.get("filename") or "",
        title=note.get("title"),
        start_index=note.get("start_index"),
        end_index=note.get("end_index"),
    )


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=usage.get("input_tokens") or 0,
        output_tokens=usage.get("output_tokens") or 0,
        cached_tokens=(usage.get("input_tokens_details") or {}).get("cached_tokens") or 0,
    )

"""The agent for Claude, by the Messages API, and the door to the `anthropic` package."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import httpx2
import mcp_types
from pydantic import AliasChoices, Field

from hud.agents.agent import MCPAgent, Message, read_call
from hud.agents.clients import CONNECT_SECONDS, shared_client
from hud.agents.config import AgentConfig, ProviderConfig
from hud.agents.connection import ANTHROPIC, Connection, connect, missing_package
from hud.agents.retry import Refusal, ask, refusal_of
from hud.errors import UserError
from hud.formats import claude, claude_native
from hud.types import AgentResponse, AgentType, Citation, MCPToolCall, MCPToolResult, Usage

try:
    import anthropic
except ModuleNotFoundError as missing:
    raise missing_package(missing, "anthropic", "claude") from missing

CACHED = {"type": "ephemeral"}
LONGEST_WHOLE_ANSWER = 21_333
"""Tokens; the provider demands streaming where an answer may take longer than ten minutes."""
LONGEST_OF_EARLY_OPUS = 8_192
EARLY_OPUS = re.compile(r"claude-(opus-4(-[01])?|4-opus)(-\d{8})?")


class ClaudeConfig(ProviderConfig):
    """Options of `ClaudeAgent`."""

    model: str = Field(
        "claude-sonnet-4-5", validation_alias=AliasChoices("model", "checkpoint_name")
    )
    model_client: Any = None
    """An `AsyncAnthropic` (or one of its siblings) to use instead of a shared client."""
    max_tokens: int = Field(16384, gt=0)
    """Longest answer, in tokens."""


class ClaudeAgent(MCPAgent):
    """Plays with a Claude model; the provider caches tools, instructions and conversation."""

    name: ClassVar[str] = "claude"
    config_cls: ClassVar[type[AgentConfig]] = ClaudeConfig
    family: ClassVar[AgentType | None] = AgentType.CLAUDE
    config: ClaudeConfig

    def __init__(self, config: AgentConfig | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.client = self.config.model_client
        if isinstance(self.client, anthropic.AsyncAnthropic):
            self.client = self.client.with_options(max_retries=0)
        self.connection = connect(ANTHROPIC, self.name, self.config, client=self.client)
        self._tools: list[dict[str, Any]] = []

    def _on_tools_ready(self) -> None:
        own = [claude_native.tool(item) for item in self._offer.natives.values()]
        self._tools = [*claude.tools(self._offer.functions), *own]
        # The mark on the last tool covers all before it.
        self._tools[-1:] = [{**tool, "cache_control": CACHED} for tool in self._tools[-1:]]

    async def get_system_messages(self) -> list[Message]:
        return []

    async def format_blocks(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        return [{"role": "user", "content": _content(blocks)}]

    async def format_assistant(self, blocks: list[mcp_types.ContentBlock]) -> list[Message]:
        return [{"role": "assistant", "content": _content(blocks)}]

    async def get_response(self, messages: list[Message]) -> AgentResponse:
        arguments = self.arguments(messages)

        async def attempt() -> tuple[Message, AgentResponse]:
            client = self.client or await _shared(self.connection)
            try:
                return read_message(await _create(client, arguments))
            except (anthropic.APIError, httpx2.HTTPError, ValueError) as error:
                raise refusal_of(error) from error
            except UserError as error:
                raise Refusal(error.message) from error

        message, response = await ask(self.connection, attempt)
        messages.append(message)
        return response

    async def format_tool_results(
        self, tool_calls: list[MCPToolCall], tool_results: list[MCPToolResult]
    ) -> list[Message]:
        pairs = zip(tool_calls, tool_results, strict=True)
        return [
            {"role": "user", "content": [claude.result(call, result) for call, result in pairs]}
        ]

    def arguments(self, messages: list[Message]) -> dict[str, Any]:
        """Arguments of `messages.create` for the next turn."""
        arguments: dict[str, Any] = {
            "model": self.config.model,
            "max_tokens": self.config.max_tokens,
            "messages": [*messages[:-1], *map(_cached, messages[-1:])],
        }
        if self.system_prompt:
            arguments["system"] = [
                {"type": "text", "text": self.system_prompt, "cache_control": CACHED}
            ]
        if self._tools:
            arguments["tools"] = self._tools
        if self._offer.betas:
            arguments["extra_headers"] = {"anthropic-beta": ",".join(self._offer.betas)}
        if needs_stream(self.config.model, self.config.max_tokens):
            arguments["stream"] = True
        return arguments


def needs_stream(model: str, max_tokens: int) -> bool:
    """Whether the provider refuses to send so long an answer in one piece."""
    early = EARLY_OPUS.fullmatch(model) is not None
    return max_tokens > (LONGEST_OF_EARLY_OPUS if early else LONGEST_WHOLE_ANSWER)


def read_message(answer: Any) -> tuple[Message, AgentResponse]:
    """The model's turn, as it goes back to the provider, and what it says.

    Raises:
        Refusal: the answer is no message.
    """
    blocks = answer.get("content") if isinstance(answer, dict) else None
    if not isinstance(blocks, list) or not answer.get("stop_reason"):
        raise Refusal("the answer is no message")
    response = AgentResponse(
        content="".join(block["text"] for block in blocks if block["type"] == "text"),
        reasoning="\n".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        tool_calls=[read_call(claude.call, block) for block in blocks if claude.matches(block)],
        citations=[_citation(note) for block in blocks for note in block.get("citations") or []],
        usage=_usage(answer.get("usage") or {}),
        finish_reason=answer["stop_reason"],
    )
    return {
        "role": "assistant",
        "content": list(map(_returnable, filter(_says_something, blocks))),
    }, response


async def _shared(connection: Connection) -> anthropic.AsyncAnthropic:
    def make(http: httpx2.AsyncClient) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(
            api_key=connection.api_key,
            base_url=connection.base_url,
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            max_retries=0,
            http_client=http,
        )

    return await shared_client(("anthropic", connection.base_url, connection.api_key), make)


async def _create(client: Any, arguments: dict[str, Any]) -> Any:
    answer = await client.messages.create(**arguments)
    if arguments.get("stream"):
        return await _collected(answer)
    return answer if isinstance(answer, dict | str) else _dict(answer)


async def _collected(events: AsyncIterator[Any]) -> dict[str, Any]:
    """The message that a stream of events builds; a tool's input stays text until it is read."""
    message: dict[str, Any] = {}
    async for event in events:
        if event.type == "message_start":
            message = _dict(event.message)
        elif event.type == "content_block_start":
            block = _dict(event.content_block)
            message["content"].append(block | {"input": ""} if "input" in block else block)
        elif event.type == "content_block_delta":
            _extend(message["content"][event.index], _dict(event.delta))
        elif event.type == "message_delta":
            message |= _dict(event.delta)
            message["usage"] |= {
                name: count for name, count in _dict(event.usage).items() if count is not None
            }
    return message


def _extend(block: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta.pop("type")
    if kind == "input_json_delta":
        block["input"] += delta["partial_json"]
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]
    else:
        for name, piece in delta.items():
            block[name] = (block.get(name) or "") + piece


def _dict(model: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = model.model_dump(mode="json", exclude_unset=True, warnings=False)
    return dumped


def _content(blocks: list[mcp_types.ContentBlock]) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = claude.result(MCPToolCall(name=""), MCPToolResult(content=blocks))[
        "content"
    ]
    return said


def _cached(message: Message) -> Message:
    """The message with the mark that asks the provider to cache the conversation up to here."""
    blocks = message["content"]
    if (
        not isinstance(blocks, list)
        or not blocks
        or blocks[-1]["type"] not in ("text", "image", "tool_result")
    ):
        return message
    return {**message, "content": [*blocks[:-1], {**blocks[-1], "cache_control": CACHED}]}


def _says_something(block: dict[str, Any]) -> bool:
    """The API refuses to take back the blank texts that it sends."""
    return block["type"] != "text" or bool(block["text"].strip())


def _returnable(block: dict[str, Any]) -> dict[str, Any]:
    """The block as the API takes it back: without nulls, and with an object as its input."""
    kept = {name: part for name, part in block.items() if part is not None}
    if "input" not in block:
        return kept
    # A tool that the provider runs itself asks in blocks of another type, and else alike.
    call = read_call(claude.call, block)
    return kept | {"input": call.arguments}


def _citation(note: dict[str, Any]) -> Citation:
    return Citation(
        type=note.get("type", "citation"),
        text=note.get("cited_text") or "",
        source=note.get("url") or note.get("document_title") or "",
        title=note.get("title") or note.get("document_title"),
        start_index=note.get("start_char_index"),
        end_index=note.get("end_char_index"),
    )


def _usage(usage: dict[str, Any]) -> Usage:
    read, written = (
        usage.get("cache_read_input_tokens") or 0,
        usage.get("cache_creation_input_tokens") or 0,
    )
    return Usage(
        input_tokens=(usage.get("input_tokens") or 0) + read + written,
        output_tokens=usage.get("output_tokens") or 0,
        cached_tokens=read,
    )

"""What environments and evaluations have in common: they offer tools and answer calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import mcp_types

from hud.environment.foreign import tool_error
from hud.formats import calls, claude, content, gemini, openai_chat, openai_responses, openai_strict
from hud.formats.adapters import adapter
from hud.formats.calls import ParsedCall
from hud.types import MCPToolCall, MCPToolResult


class Toolbox(ABC):
    """Tools in every provider's format, and calls in every provider's format.

    A subclass says which tools there are (`as_tools`) and runs one (`_call`).
    """

    @abstractmethod
    def as_tools(self) -> list[mcp_types.Tool]:
        """The tools that a model may see."""

    @abstractmethod
    async def _call(self, call: MCPToolCall) -> MCPToolResult:
        """Run a tool; whatever goes wrong with it is a result with `is_error`, not an exception."""

    async def call_tool(self, call: Any, /, **arguments: Any) -> Any:
        """Run a tool and answer in the format of the call.

        - A tool's name with keyword arguments, or a tuple `(name, arguments[, id])`: returns the
          `MCPToolResult`, and raises if the tool failed.
        - An `MCPToolCall`, or MCP's own request: returns the `MCPToolResult`, failed or not.
        - A call object of OpenAI (chat or Responses), Claude or Gemini, as a dict or the SDK's
          object: returns the message, item, block or part to send back, failures rendered in it.

        Raises:
            ToolError: a tool called by its name failed.
            UserError: `call` is no tool call.
        """
        parsed = calls.read(call, **arguments)
        return _answer(parsed, await self._run(parsed))

    async def call_tools(self, requested: Iterable[Any] | None) -> list[Any]:
        """Run all tools that a model asked for, at the same time; the answers keep their order.

        `requested` may be the whole content of a model's answer: texts, thoughts and whatever else
        asks for no tool are left out, and so is None.

        Raises:
            ToolError: a tool called by its name failed; the others have ended then, too.
            UserError: an item is neither a call nor anything that models answer; nothing was run.
        """
        import anyio  # noqa: PLC0415 - authors' scripts that only declare tools need no event loop

        asked = [item for item in requested or () if item is not None and calls.is_call(item)]
        parsed = [calls.read(item) for item in asked]
        results: dict[int, MCPToolResult] = {}

        async def run(index: int) -> None:
            results[index] = await self._run(parsed[index])

        async with anyio.create_task_group() as group:
            for index in range(len(parsed)):
                group.start_soon(run, index)
        return [_answer(call, results[index]) for index, call in enumerate(parsed)]

    def as_openai_chat_tools(self, strict: bool = False) -> list[dict[str, Any]]:
        """Tools for OpenAI's chat completions and every endpoint that speaks them.

        Raises:
            UserError: `strict` was asked for and a tool's arguments cannot be expressed strictly.
        """
        return openai_chat.tools(self.as_tools(), strict=strict)

    def as_openai_responses_tools(self, strict: bool = False) -> list[dict[str, Any]]:
        """Tools for OpenAI's Responses API.

        Raises:
            UserError: `strict` was asked for and a tool's arguments cannot be expressed strictly.
        """
        return openai_responses.tools(self.as_tools(), strict=strict)

    def as_openai_agent_tools(self) -> list[Any]:
        """`FunctionTool`s of the package `openai-agents`."""
        return self._adapted("openai_agents")

    def as_claude_tools(self, cache_control: bool = False) -> list[dict[str, Any]]:
        """Tools for Anthropic's Messages API.

        `cache_control` marks the last one, which makes the provider cache all of them.
        """
        return claude.tools(self.as_tools(), cache_control=cache_control)

    def as_claude_programmatic_tools(self, cache_control: bool = False) -> list[dict[str, Any]]:
        """Tools that Claude's code execution calls by itself."""
        return claude.programmatic_tools(self.as_tools(), cache_control=cache_control)

    def as_anthropic_runner(self) -> Any:
        """An `EnvToolRunner` for the package `anthropic`.

        Its `run(block)` answers a `tool_use` block; its `tools` go to the SDK's own tool runner.
        """
        return adapter("anthropic_runner").EnvToolRunner(self.as_tools(), self._call)

    def as_gemini_tools(self) -> list[dict[str, Any]]:
        """Tools for Gemini: a list of one tool with all functions."""
        return gemini.tools(self.as_tools())

    def as_gemini_tool_config(
        self, mode: str = "AUTO", allowed_tools: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """How Gemini may use the tools: a mode (AUTO, ANY, NONE, VALIDATED) and the allowed names.

        Raises:
            UserError: there is no such mode, or it does not go with `allowed_tools`.
        """
        return gemini.tool_config(mode, allowed_tools)

    def as_langchain_tools(self) -> list[Any]:
        """`StructuredTool`s of the package `langchain-core`, for `ainvoke`."""
        return self._adapted("langchain")

    def as_llamaindex_tools(self) -> list[Any]:
        """`FunctionTool`s of the package `llama-index-core`, for `acall`."""
        return self._adapted("llamaindex")

    def as_adk_tools(self) -> list[Any]:
        """Tools of the package `google-adk`."""
        return self._adapted("adk")

    def _adapted(self, framework: str) -> list[Any]:
        made: list[Any] = adapter(framework).tools(self.as_tools(), self._call)
        return made

    async def _run(self, parsed: ParsedCall) -> MCPToolResult:
        if parsed.error is not None:
            return content.failure(parsed.error.message)
        return await self._call(self._without_placeholders(parsed))

    def _without_placeholders(self, parsed: ParsedCall) -> MCPToolCall:
        """In strict mode a null is how the model leaves an optional argument out."""
        call = parsed.call
        if not parsed.format.startswith("openai") or not openai_strict.holds_null(call.arguments):
            return call
        schema = next((tool.input_schema for tool in self.as_tools() if tool.name == call.name), {})
        arguments = openai_strict.without_placeholders(call.arguments, schema)
        return call.model_copy(update={"arguments": arguments})


def _answer(parsed: ParsedCall, returned: MCPToolResult) -> Any:
    if parsed.format == "python" and returned.is_error:
        raise tool_error(content.error_text(returned))
    return parsed.render(returned)

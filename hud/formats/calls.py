"""Tool calls of every shape: which tool, which arguments, and how the answer is to look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import mcp_types

from hud.errors import ToolError, UserError
from hud.formats import claude, gemini, mcp, openai_chat, openai_responses
from hud.formats.fields import UnreadableArguments, fields, make_call
from hud.types import MCPToolCall, MCPToolResult

Format = Literal["python", "mcp", "openai_chat", "openai_responses", "claude", "gemini"]


class Provider(Protocol):
    """A module that converts for one provider."""

    def matches(self, item: Mapping[str, Any]) -> bool: ...

    def call(self, item: Any) -> MCPToolCall: ...

    def result(self, call: MCPToolCall, returned: MCPToolResult) -> dict[str, Any]: ...


PROVIDERS: dict[Format, Provider] = {
    "openai_responses": openai_responses,
    "openai_chat": openai_chat,
    "claude": claude,
}
CALL_TYPES = frozenset(
    {"function", "function_call", "tool_use", "tool_call", "custom", "custom_tool_call"}
)
"""Values of `type` that ask the caller to run a tool."""
PART_FIELDS = (
    *("text", "thought", "inline_data", "inlineData", "file_data", "fileData"),
    *("executable_code", "executableCode", "code_execution_result", "codeExecutionResult"),
    *("function_response", "functionResponse"),
)
"""What a Gemini part holds that is no function call."""
NO_CALL = "this is no tool call"
EXAMPLES = "a name, `(name, arguments)`, an `MCPToolCall`, or a call of OpenAI, Claude or Gemini"


@dataclass(frozen=True)
class ParsedCall:
    """A call that was understood."""

    call: MCPToolCall
    """The tool, its arguments, and the provider's id where there is one."""
    render: Callable[[MCPToolResult], Any]
    """Turns the result into what this kind of call is answered with."""
    format: Format
    """The kind of call; `python` is a name or a tuple."""
    error: ToolError | None = None
    """Why the arguments cannot be read; `call` has none then, and must not be run."""


def parse(call: Any, /, **arguments: Any) -> ParsedCall:
    """Understand a call: a name with arguments, a tuple `(name, arguments[, id])`, or an object.

    Raises:
        UserError: it is no tool call.
        UnreadableArguments: the arguments are not JSON or not an object.
    """
    parsed = read(call, **arguments)
    if parsed.error is not None:
        raise parsed.error
    return parsed


def read(call: Any, /, **arguments: Any) -> ParsedCall:
    """Like `parse`, but arguments that cannot be read are the `error` of what is returned.

    Raises:
        UserError: it is no tool call.
    """
    if isinstance(call, str):
        return _parsed("python", partial(make_call, call, arguments), _same)
    if arguments:
        raise UserError(f"keyword arguments go with a tool's name, not with {type(call).__name__}")
    if isinstance(call, tuple):
        return _parsed("python", partial(_from_tuple, call), _same)
    return _from_object(call)


def is_call(item: Any) -> bool:
    """Whether an item of a model's answer asks for a tool.

    Texts, thoughts and tools that the provider runs itself do not.
    """
    if isinstance(item, str | tuple | MCPToolCall):
        return True
    found = fields(item)
    if isinstance(found.get("type"), str):
        return found["type"] in CALL_TYPES
    return gemini.matches(found) or all(found.get(name) is None for name in PART_FIELDS)


def _from_tuple(call: tuple[Any, ...]) -> MCPToolCall:
    if len(call) not in (2, 3):
        raise UserError(f"a tuple that calls a tool is `(name, arguments[, id])`, not {call!r}")
    return make_call(*call)


def _from_object(item: Any) -> ParsedCall:
    if isinstance(item, MCPToolCall | mcp_types.CallToolRequest | mcp_types.CallToolRequestParams):
        return _parsed("mcp", partial(mcp.call, item), _same)
    found = fields(item)
    for format, provider in PROVIDERS.items():
        if provider.matches(found):
            return _parsed(format, partial(provider.call, item), provider.result)
    if gemini.matches(found):
        return _parsed("gemini", partial(gemini.call, item), partial(gemini.result, asked=item))
    if mcp.matches(found):
        return _parsed("mcp", partial(mcp.call, item), _same)
    raise _unknown(item, found)


def _parsed(
    format: Format,
    read_call: Callable[[], MCPToolCall],
    render: Callable[[MCPToolCall, MCPToolResult], Any],
) -> ParsedCall:
    try:
        call = read_call()
    except UnreadableArguments as exc:
        return ParsedCall(exc.call, partial(render, exc.call), format, exc)
    return ParsedCall(call, partial(render, call), format)


def _same(call: MCPToolCall, returned: MCPToolResult) -> MCPToolResult:
    return returned


def _unknown(item: Any, found: Mapping[str, Any]) -> UserError:
    name = found.get("name")
    what = f"the call of `{name}` has no arguments" if isinstance(name, str) else NO_CALL
    if found.get("type") in ("custom", "custom_tool_call"):
        what = "a custom tool call has free text for arguments, which no tool here takes"
    return UserError(f"{what}: {item!r}", hint=f"give {EXAMPLES}")

"""Tools, calls and results of OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mcp_types
from mcp_types import ImageContent, TextContent

from hud.formats import content, openai_chat
from hud.formats.fields import fields, make_call, required
from hud.types import MCPToolCall, MCPToolResult


def tools(offered: Sequence[mcp_types.Tool], *, strict: bool = False) -> list[dict[str, Any]]:
    """Definitions for the `tools` of a request.

    Raises:
        UserError: `strict` was asked for and a tool's arguments cannot be expressed strictly.
    """
    # Where `strict` is not said, this API makes a schema strict if it can.
    functions = [openai_chat.function(tool, strict=strict) for tool in offered]
    return [{"type": "function", "strict": strict, **function} for function in functions]


def matches(item: Mapping[str, Any]) -> bool:
    """Whether these are the fields of a `function_call` item."""
    return item.get("type") == "function_call"


def call(item: Any) -> MCPToolCall:
    """Read a `function_call` item (a dict or the SDK's object).

    Raises:
        UserError: it is no such item.
        UnreadableArguments: its arguments are not a JSON object.
    """
    item = fields(item)
    return make_call(item.get("name"), required(item, "arguments"), required(item, "call_id"))


def result(call: MCPToolCall, returned: MCPToolResult) -> dict[str, Any]:
    """The `function_call_output` item that answers a call: text, or parts if there are images."""
    output: str | list[dict[str, Any]] = content.flagged_text(returned)
    if content.images(returned) and not returned.is_error:
        output = [_input(part) for part in content.parts(returned, content.COMMON_IMAGES)]
    return {"type": "function_call_output", "call_id": call.id, "output": output}


def _input(part: TextContent | ImageContent) -> dict[str, Any]:
    if isinstance(part, TextContent):
        return {"type": "input_text", "text": part.text}
    return {"type": "input_image", "image_url": content.data_url(part), "detail": "auto"}

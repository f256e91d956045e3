"""Tools, calls and results of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mcp_types
from mcp_types import ImageContent, TextContent

from hud.formats import content
from hud.formats.fields import fields, make_call, required
from hud.formats.schemas import plain_root
from hud.types import MCPToolCall, MCPToolResult

CODE_EXECUTION = "code_execution_20250825"
"""The version of Claude's code execution that may call tools by itself."""


def tools(
    offered: Sequence[mcp_types.Tool], *, cache_control: bool = False
) -> list[dict[str, Any]]:
    """Definitions for the `tools` of a request.

    `cache_control` asks the provider to cache them all: the mark is on the last, because a mark
    covers everything before it and a request may have four.
    """
    defined = [_tool(tool) for tool in offered]
    if cache_control and defined:
        defined[-1]["cache_control"] = {"type": "ephemeral"}
    return defined


def programmatic_tools(
    offered: Sequence[mcp_types.Tool], *, cache_control: bool = False
) -> list[dict[str, Any]]:
    """Definitions of tools that Claude's code execution calls by itself."""
    defined = tools(offered, cache_control=cache_control)
    return [{**tool, "allowed_callers": [CODE_EXECUTION]} for tool in defined]


def matches(item: Mapping[str, Any]) -> bool:
    """Whether these are the fields of a `tool_use` block."""
    return item.get("type") == "tool_use"


def call(item: Any) -> MCPToolCall:
    """Read a `tool_use` block (a dict or the SDK's object).

    Raises:
        UserError: it is no such block.
        UnreadableArguments: its input is not an object.
    """
    item = fields(item)
    return make_call(item.get("name"), required(item, "input"), required(item, "id"))


def result(call: MCPToolCall, returned: MCPToolResult) -> dict[str, Any]:
    """The `tool_result` block that answers a call, images included."""
    # The API takes nothing but texts in an error, and it wants one.
    if returned.is_error:
        blocks = [{"type": "text", "text": content.error_text(returned)}]
    else:
        shown = content.parts(returned, content.COMMON_IMAGES)
        blocks = [_block(part) for part in shown if _says_something(part)]
    return {
        "type": "tool_result",
        "tool_use_id": call.id,
        "content": blocks,
        "is_error": returned.is_error,
    }


def _tool(tool: mcp_types.Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description or "",
        "input_schema": plain_root(tool.input_schema),
    }


def _says_something(part: TextContent | ImageContent) -> bool:
    """The API refuses blank texts."""
    return isinstance(part, ImageContent) or bool(part.text.strip())


def _block(part: TextContent | ImageContent) -> dict[str, Any]:
    if isinstance(part, TextContent):
        return {"type": "text", "text": part.text}
    source = {"type": "base64", "media_type": part.mime_type, "data": part.data}
    return {"type": "image", "source": source}

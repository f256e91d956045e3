"""Tools and calls as MCP itself writes them, and calls that are only a name and arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mcp_types

from hud.errors import UserError
from hud.formats.fields import fields, make_call
from hud.types import MCPToolCall, MCPToolResult

ARGUMENTS = ("arguments", "input", "args")
"""Names that the arguments go by, in order of preference."""
BARE = frozenset({"name", "id", "type", "task", "meta", "_meta"})
"""What a call without arguments may consist of."""
TYPES = (None, "function", "tool_call")


def tools(offered: Sequence[mcp_types.Tool]) -> list[dict[str, Any]]:
    """Definitions as a server's `tools/list` answers them."""
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in offered]


def matches(item: Mapping[str, Any]) -> bool:
    """Whether these are the fields of a call: a name, and arguments that are known or none."""
    if not isinstance(item.get("name"), str) or item.get("type") not in TYPES:
        return False
    return any(key in item for key in ARGUMENTS) or set(item) <= BARE


def call(item: Any) -> MCPToolCall:
    """Read a call: `MCPToolCall`, MCP's request or its parameters, or a name with arguments.

    Raises:
        UserError: it is no such call.
        UnreadableArguments: its arguments are not an object.
    """
    if isinstance(item, MCPToolCall):
        return item
    item = fields(item.params if isinstance(item, mcp_types.CallToolRequest) else item)
    if not matches(item):
        raise UserError(f"this is no tool call of MCP: {item!r}")
    arguments = next((item[key] for key in ARGUMENTS if item.get(key) is not None), None)
    return make_call(item["name"], arguments, item.get("id"))


def result(call: MCPToolCall, returned: MCPToolResult) -> MCPToolResult:
    """The result as it is."""
    return returned

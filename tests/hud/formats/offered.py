"""Tools and results that every provider's tests convert."""

from __future__ import annotations

from typing import Any

import mcp_types

from hud.types import MCPToolCall, MCPToolResult

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "point": {"$ref": "#/$defs/Point", "description": "where"},
        "unit": {"anyOf": [{"type": "string", "format": "uri"}, {"type": "null"}], "default": None},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True},
        "code": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1},
    },
    "required": ["point"],
    "additionalProperties": False,
    "$defs": {"Point": {"type": "object", "properties": {"x": {"type": "number"}}}},
}
LOOK = mcp_types.Tool(name="look", description="Look there.", input_schema=SCHEMA)
WAIT = mcp_types.Tool(name="wait", input_schema={"type": "object"})
TOOLS = [LOOK, WAIT]

CALL = MCPToolCall(id="call_1", name="look", arguments={"point": {"x": 1}})
TEXT = mcp_types.TextContent(text="a cat")
PNG = mcp_types.ImageContent(data="aGVsbG8=", mime_type="image/png")
SVG = mcp_types.ImageContent(data="aGVsbG8=", mime_type="image/svg+xml")
SAW = MCPToolResult(content=[TEXT])
SAW_IMAGES = MCPToolResult(content=[TEXT, PNG, SVG])
FAILED = MCPToolResult(content=[mcp_types.TextContent(text="too dark"), PNG], is_error=True)
FAILED_SILENTLY = MCPToolResult(is_error=True)

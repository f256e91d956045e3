"""MCP's types with the names of fields that published code reads (`tool.inputSchema`), beside those
that MCP's library gives them now (`tool.input_schema`).
"""

from __future__ import annotations

from typing import Any

import mcp_types


class Tool(mcp_types.Tool):
    """A tool as agents see it."""

    @property
    def inputSchema(self) -> dict[str, Any]:
        """JSON schema of the arguments."""
        return self.input_schema

    @property
    def outputSchema(self) -> dict[str, Any] | None:
        """JSON schema of the structured result."""
        return self.output_schema

    def __eq__(self, other: object) -> bool:
        return isinstance(other, mcp_types.Tool) and vars(self) == vars(other)


class ImageContent(mcp_types.ImageContent):
    """A picture in a tool's result."""

    @property
    def mimeType(self) -> str:
        """The picture's media type."""
        return self.mime_type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, mcp_types.ImageContent) and vars(self) == vars(other)


def tool(given: mcp_types.Tool) -> Tool:
    """The same tool with both names."""
    return Tool.model_construct(given.model_fields_set, **vars(given))


def block(given: Any) -> Any:
    """The same content block; a picture with both names."""
    if type(given) is not mcp_types.ImageContent:
        return given
    return ImageContent.model_construct(given.model_fields_set, **vars(given))

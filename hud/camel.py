"""MCP's types with the names of fields that published code reads (`tool.inputSchema`), beside those
that MCP's library gives them now (`tool.input_schema`).
"""

from __future__ import annotations

from collections.abc import Iterator
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


class TextResourceContents(mcp_types.TextResourceContents):
    """One part of a resource: text."""

    @property
    def mimeType(self) -> str | None:
        """The text's media type."""
        return self.mime_type


class BlobResourceContents(mcp_types.BlobResourceContents):
    """One part of a resource: bytes, in base64."""

    @property
    def mimeType(self) -> str | None:
        """The bytes' media type."""
        return self.mime_type


class ResourceContents(mcp_types.ReadResourceResult):
    """What reading a resource gives; it is used as the list of its contents as well."""

    def __getitem__(self, index: int) -> Any:
        return self.contents[index]

    def __len__(self) -> int:
        return len(self.contents)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # pydantic iterates over fields
        return iter(self.contents)


def contents(given: mcp_types.ReadResourceResult) -> ResourceContents:
    """The same parts, each with both names."""
    parts: list[Any] = [
        (
            TextResourceContents
            if isinstance(part, mcp_types.TextResourceContents)
            else BlobResourceContents
        ).model_construct(part.model_fields_set, **vars(part))
        for part in given.contents
    ]
    return ResourceContents.model_construct(
        given.model_fields_set, **{**vars(given), "contents": parts}
    )


def tool(given: mcp_types.Tool) -> Tool:
    """The same tool with both names."""
    return Tool.model_construct(given.model_fields_set, **vars(given))


def block(given: Any) -> Any:
    """The same content block; a picture with both names."""
    if type(given) is not mcp_types.ImageContent:
        return given
    return ImageContent.model_construct(given.model_fields_set, **vars(given))

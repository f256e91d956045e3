"""What a tool returned, as the two things that models read: texts and images."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Container, Sequence
from typing import Any

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from hud.types import MCPToolResult

COMMON_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Image types that OpenAI and Claude take."""


def parts(result: MCPToolResult, images: Container[str] = ()) -> list[TextContent | ImageContent]:
    """A result as texts and images, in order.

    Images of a type in `images` stay images; other images, audio, files and links become short
    notes. A result without content blocks is its structured value as compact JSON, if it has one.
    """
    if not result.content and result.structured_content is not None:
        return [TextContent(text=to_text(result.value))]
    return [_part(block, images) for block in result.content]


def text(result: MCPToolResult) -> str:
    """A result as one text, with notes in place of what is not text."""
    return _joined(parts(result))


def error_text(result: MCPToolResult) -> str:
    """A failed result as one text that is never empty."""
    return text(result).strip() or "the tool failed without a message"


def flagged_text(result: MCPToolResult) -> str:
    """A result as one text that says `Error` if it is one: some formats have no other place."""
    if not result.is_error:
        return text(result)
    message = error_text(result)
    return message if message.lower().startswith("error") else f"Error: {message}"


def failure(message: str) -> MCPToolResult:
    """The result of a call that failed."""
    return MCPToolResult(content=[TextContent(text=message)], is_error=True)


def images(result: MCPToolResult, types: Container[str] = COMMON_IMAGES) -> list[ImageContent]:
    """The images of a result whose type is in `types`."""
    return [part for part in parts(result, types) if isinstance(part, ImageContent)]


def data_url(image: ImageContent) -> str:
    """An image as a `data:` URL."""
    return f"data:{image.mime_type};base64,{image.data}"


def to_text(value: Any) -> str:
    """A value as compact JSON; a string stays as it is."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _joined(blocks: Sequence[TextContent | ImageContent]) -> str:
    return "\n".join(block.text for block in blocks if isinstance(block, TextContent))


def _part(block: ContentBlock, images: Container[str]) -> TextContent | ImageContent:
    if isinstance(block, TextContent):
        return block
    image = _image(block)
    if image is not None and image.mime_type in images:
        return image
    return TextContent(text=_note(block))


def _image(block: ContentBlock) -> ImageContent | None:
    if isinstance(block, ImageContent):
        return block
    if isinstance(block, EmbeddedResource) and isinstance(block.resource, BlobResourceContents):
        mime_type = block.resource.mime_type or ""
        if mime_type.startswith("image/"):
            return ImageContent(data=block.resource.blob, mime_type=mime_type)
    return None


def _note(block: ImageContent | AudioContent | ResourceLink | EmbeddedResource) -> str:
    if isinstance(block, ImageContent | AudioContent):
        return f"[{block.type}: {block.mime_type}, {_size(block.data)} bytes]"
    if isinstance(block, ResourceLink):
        about = f" ({block.description})" if block.description else ""
        return f"[link: {block.title or block.name} {block.uri}{about}]"
    return _resource_text(block.resource)


def _resource_text(resource: TextResourceContents | BlobResourceContents) -> str:
    if isinstance(resource, TextResourceContents):
        return f"{resource.uri}:\n{resource.text}"
    decoded = _decoded_text(resource)
    if decoded is not None:
        return f"{resource.uri}:\n{decoded}"
    kind = resource.mime_type or "of unknown type"
    return f"[file: {resource.uri} {kind}, {_size(resource.blob)} bytes]"


def _decoded_text(resource: BlobResourceContents) -> str | None:
    if not (resource.mime_type or "").startswith("text/"):
        return None
    try:
        return base64.b64decode(resource.blob, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _size(data: str) -> int:
    """Bytes that base64 text stands for."""
    return len(data.rstrip("=")) * 3 // 4

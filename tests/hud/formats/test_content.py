from __future__ import annotations

import base64
from typing import Any

import mcp_types
import pytest

from hud.formats import content
from hud.types import MCPToolResult

PNG = mcp_types.ImageContent(data="aGVsbG8=", mime_type="image/png")
SVG = mcp_types.ImageContent(data="aGVsbG8=", mime_type="image/svg+xml")


def text(value: str) -> mcp_types.TextContent:
    return mcp_types.TextContent(text=value)


def blob(data: bytes, mime_type: str | None) -> mcp_types.EmbeddedResource:
    encoded = base64.b64encode(data).decode()
    resource = mcp_types.BlobResourceContents(
        uri="file:///a.bin", blob=encoded, mime_type=mime_type
    )
    return mcp_types.EmbeddedResource(resource=resource)


def result(*blocks: Any, **more: Any) -> MCPToolResult:
    return MCPToolResult(content=list(blocks), **more)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (text("hello"), "hello"),
        (PNG, "[image: image/png, 5 bytes]"),
        (
            mcp_types.AudioContent(data="aGVsbG8=", mime_type="audio/wav"),
            "[audio: audio/wav, 5 bytes]",
        ),
        (
            mcp_types.ResourceLink(name="log", uri="file:///log", description="of today"),
            "[link: log file:///log (of today)]",
        ),
        (
            mcp_types.EmbeddedResource(
                resource=mcp_types.TextResourceContents(uri="file:///a.txt", text="hello")
            ),
            "file:///a.txt:\nhello",
        ),
        (blob(b"hello", "text/plain"), "file:///a.bin:\nhello"),
        (blob(b"\xff\xfe", "text/plain"), "[file: file:///a.bin text/plain, 2 bytes]"),
        (blob(b"hello", None), "[file: file:///a.bin of unknown type, 5 bytes]"),
        (blob(b"hello", "image/png"), "[file: file:///a.bin image/png, 5 bytes]"),
    ],
)
def test_every_block_can_be_said_as_text(block: Any, said: str) -> None:
    assert content.text(result(block)) == said


def test_blocks_keep_their_order() -> None:
    found = content.parts(result(text("a"), PNG, text("b")), content.COMMON_IMAGES)
    assert found == [text("a"), PNG, text("b")]


def test_only_images_of_the_given_types_stay_images() -> None:
    mixed = result(PNG, SVG, blob(b"hello", "image/png"))
    assert content.images(mixed) == [PNG, PNG]
    assert content.images(mixed, {"image/svg+xml"}) == [SVG]


@pytest.mark.parametrize(
    ("structured", "said"),
    [
        ({"success": True, "items": [1, None]}, '{"success":true,"items":[1,null]}'),
        ({"result": 3}, "3"),
        ({"result": None}, "null"),
        ({"result": []}, "[]"),
        ({"result": "ümlaut"}, "ümlaut"),
        ([1, 2], "[1,2]"),
    ],
)
def test_a_result_without_content_is_its_value_as_compact_json(structured: Any, said: str) -> None:
    assert content.text(MCPToolResult(structured_content=structured)) == said


def test_content_is_not_repeated_by_the_structured_value() -> None:
    assert content.text(result(text("3"), structured_content={"result": 3})) == "3"


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (result(text("3")), "3"),
        (result(text("no such file"), is_error=True), "Error: no such file"),
        (result(text("Error calling tool"), is_error=True), "Error calling tool"),
        (result(is_error=True), "Error: the tool failed without a message"),
        (result(text("  "), is_error=True), "Error: the tool failed without a message"),
        (result(), ""),
    ],
)
def test_a_text_that_stands_alone_says_whether_it_is_an_error(
    returned: MCPToolResult, said: str
) -> None:
    assert content.flagged_text(returned) == said

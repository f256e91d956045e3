from __future__ import annotations

from typing import Any

import mcp_types
import pytest

from hud.errors import UserError
from hud.formats import claude
from hud.types import MCPToolResult
from tests.hud.formats.offered import (
    CALL,
    FAILED,
    FAILED_SILENTLY,
    SAW,
    SAW_IMAGES,
    SCHEMA,
    TOOLS,
)

USE = {"type": "tool_use", "id": "call_1", "name": "look", "input": {"point": {"x": 1}}}


def test_tools_have_their_whole_schema() -> None:
    look, wait = claude.tools(TOOLS)
    assert look == {"name": "look", "description": "Look there.", "input_schema": SCHEMA}
    assert wait["input_schema"] == {"type": "object", "properties": {}}


def test_the_last_tool_alone_is_marked_for_the_cache() -> None:
    look, wait = claude.tools(TOOLS, cache_control=True)
    assert "cache_control" not in look
    assert wait["cache_control"] == {"type": "ephemeral"}
    assert claude.tools([], cache_control=True) == []


def test_programmatic_tools_may_be_called_by_code_execution() -> None:
    tools = claude.programmatic_tools(TOOLS)
    assert [tool["allowed_callers"] for tool in tools] == [["code_execution_20250825"]] * 2


def test_a_call_is_read() -> None:
    assert claude.call(USE) == CALL


@pytest.mark.parametrize("missing", ["id", "name", "input"])
def test_what_lacks_a_part_is_no_call(missing: str) -> None:
    with pytest.raises(UserError):
        claude.call({key: value for key, value in USE.items() if key != missing})


@pytest.mark.parametrize(
    ("returned", "blocks"),
    [
        (SAW, [{"type": "text", "text": "a cat"}]),
        (MCPToolResult(structured_content={"x": 1}), [{"type": "text", "text": '{"x":1}'}]),
        (MCPToolResult(content=[mcp_types.TextContent(text=" \n")]), []),
        (
            FAILED,
            [{"type": "text", "text": "too dark\n[image: image/png, 5 bytes]"}],
        ),
        (FAILED_SILENTLY, [{"type": "text", "text": "the tool failed without a message"}]),
    ],
)
def test_a_result_is_blocks_that_the_api_takes(
    returned: MCPToolResult, blocks: list[dict[str, Any]]
) -> None:
    assert claude.result(CALL, returned) == {
        "type": "tool_result",
        "tool_use_id": "call_1",
        "content": blocks,
        "is_error": returned.is_error,
    }


def test_images_stay_where_they_were() -> None:
    text, image, note = claude.result(CALL, SAW_IMAGES)["content"]
    source = {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}
    assert image == {"type": "image", "source": source}
    assert (text["text"], note["text"]) == ("a cat", "[image: image/svg+xml, 5 bytes]")

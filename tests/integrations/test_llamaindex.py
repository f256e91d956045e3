"""`as_llamaindex_tools` with the package `llama-index-core`."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from hud.errors import ToolError
from tests.integrations.paintbox import CIRCLE, DRAW_SCHEMA, DRAWN, PIXEL, Paintbox

llama_tools = pytest.importorskip("llama_index.core.tools", reason="needs llama-index-core")
calling = pytest.importorskip("llama_index.core.tools.calling", reason="needs llama-index-core")
pytestmark = pytest.mark.anyio


def tool(box: Paintbox, name: str) -> Any:
    (found,) = [tool for tool in box.as_llamaindex_tools() if tool.metadata.name == name]
    assert isinstance(found, llama_tools.FunctionTool)
    return found


async def test_arguments_go_in_and_the_result_comes_out(box: Paintbox) -> None:
    output = await tool(box, "draw").acall(**CIRCLE)
    assert json.loads(output.content) == DRAWN
    assert output.is_error is False


async def test_the_caller_of_llamaindexs_agents_runs_a_tool(box: Paintbox) -> None:
    output = await calling.acall_tool(tool(box, "draw"), {"shape": CIRCLE["shape"]})
    assert json.loads(output.content) == {**DRAWN, "color": "red"}


async def test_a_failure_is_raised_and_answered_by_llamaindexs_caller(box: Paintbox) -> None:
    with pytest.raises(ToolError, match="the paint is gone"):
        await tool(box, "spill").acall()
    output = await calling.acall_tool(tool(box, "spill"), {})
    assert output.is_error is True
    assert "the paint is gone" in output.content


async def test_an_image_is_an_image_block(box: Paintbox) -> None:
    output = await tool(box, "show").acall()
    assert [block.block_type for block in output.blocks] == ["text", "image"]
    assert output.blocks[1].resolve_image().read() == base64.b64decode(PIXEL)


def test_the_schema_reaches_llamaindex_whole(box: Paintbox) -> None:
    metadata = tool(box, "draw").metadata
    assert metadata.to_openai_tool()["function"]["parameters"] == DRAW_SCHEMA
    assert metadata.fn_schema.model_json_schema() == DRAW_SCHEMA

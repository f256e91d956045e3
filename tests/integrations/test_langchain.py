"""`as_langchain_tools` with the package `langchain-core`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integrations.paintbox import CIRCLE, DRAW_SCHEMA, DRAWN, PIXEL, Paintbox

langchain_tools = pytest.importorskip("langchain_core.tools", reason="needs langchain-core")
function_calling = pytest.importorskip("langchain_core.utils.function_calling")
pytestmark = pytest.mark.anyio


def tool(box: Paintbox, name: str) -> Any:
    (found,) = [tool for tool in box.as_langchain_tools() if tool.name == name]
    assert isinstance(found, langchain_tools.StructuredTool)
    return found


def asked(name: str, **arguments: Any) -> dict[str, Any]:
    """A tool call as LangChain's models make it."""
    return {"type": "tool_call", "id": "call_1", "name": name, "args": arguments}


async def test_arguments_go_in_and_the_result_comes_out(box: Paintbox) -> None:
    assert json.loads(await tool(box, "draw").ainvoke(CIRCLE)) == DRAWN


async def test_a_tool_call_becomes_a_tool_message_with_the_result_as_artifact(
    box: Paintbox,
) -> None:
    message = await tool(box, "draw").ainvoke(asked("draw", **CIRCLE))
    assert (message.tool_call_id, message.status) == ("call_1", "success")
    assert message.artifact.value == DRAWN


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [("spill", {}, "the paint is gone"), ("draw", {"shape": 1}, "bad arguments")],
)
async def test_a_failure_is_a_tool_message_with_the_status_error(
    box: Paintbox, name: str, arguments: dict[str, Any], said: str
) -> None:
    message = await tool(box, name).ainvoke(asked(name, **arguments))
    assert message.status == "error"
    assert message.content.startswith(said)


async def test_an_image_is_an_image_block(box: Paintbox) -> None:
    message = await tool(box, "show").ainvoke(asked("show"))
    assert [block["type"] for block in message.content_blocks] == ["text", "image"]
    assert message.content_blocks[1]["base64"] == PIXEL


async def test_arguments_may_have_names_that_langchain_uses_itself(box: Paintbox) -> None:
    given = {"config": "a", "run_manager": "b", "context": "c"}
    assert json.loads(await tool(box, "remember").ainvoke(given)) == given


def test_the_schema_reaches_langchain_whole(box: Paintbox) -> None:
    draw = tool(box, "draw")
    assert draw.tool_call_schema == DRAW_SCHEMA
    offered = function_calling.convert_to_openai_tool(draw)["function"]
    assert len(offered["parameters"]["properties"]["shape"]["anyOf"]) == 2


def test_calling_without_an_event_loop_is_refused_by_langchain(box: Paintbox) -> None:
    with pytest.raises(NotImplementedError):
        tool(box, "draw").invoke(CIRCLE)

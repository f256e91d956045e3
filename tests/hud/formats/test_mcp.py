from __future__ import annotations

from typing import Any

import mcp_types
import pytest

from hud.errors import UserError
from hud.formats import mcp
from hud.types import MCPToolCall
from tests.hud.formats.offered import CALL, SAW, SCHEMA, TOOLS

POINT = {"point": {"x": 1}}
PARAMS = mcp_types.CallToolRequestParams(name="look", arguments=POINT)


def test_tools_are_what_a_server_lists() -> None:
    look, wait = mcp.tools(TOOLS)
    assert look == {"name": "look", "description": "Look there.", "inputSchema": SCHEMA}
    assert wait == {"name": "wait", "inputSchema": {"type": "object"}}


@pytest.mark.parametrize(
    "item",
    [
        CALL,
        PARAMS,
        mcp_types.CallToolRequest(params=PARAMS),
        {"name": "look", "arguments": POINT},
        {"name": "look", "input": POINT, "id": "call_1"},
        {"name": "look", "arguments": '{"point": {"x": 1}}'},
        {"name": "look", "args": POINT, "id": "call_1", "type": "tool_call"},
    ],
)
def test_a_call_is_read(item: Any) -> None:
    call = mcp.call(item)
    assert (call.name, call.arguments) == ("look", POINT)


def test_a_name_alone_is_a_call_without_arguments() -> None:
    assert mcp.call({"name": "wait"}).arguments == {}
    assert mcp.call(mcp_types.CallToolRequestParams(name="wait")).arguments == {}


@pytest.mark.parametrize("item", [{"name": "look", "parameters": POINT}, {"arguments": {}}, 3])
def test_arguments_that_are_not_known_are_not_dropped(item: Any) -> None:
    with pytest.raises(UserError):
        mcp.call(item)


def test_a_call_and_a_result_stay_what_they_are() -> None:
    call = MCPToolCall(name="look")
    assert mcp.call(call) is call
    assert mcp.result(call, SAW) is SAW

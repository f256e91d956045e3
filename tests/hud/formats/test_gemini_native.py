"""Gemini's own functions for a computer: their coordinates, and their answers."""

from __future__ import annotations

from typing import Any

import mcp_types
import pytest

from hud.formats import gemini_native
from hud.formats.gemini_native import ComputerCall
from hud.formats.native import NativeTool
from hud.types import MCPToolResult, NativeToolSpec


def computer(**resolution: int) -> NativeTool:
    meta = {"resolution": resolution}
    tool = mcp_types.Tool(name="gemini_computer", input_schema={"type": "object"}, _meta=meta)
    return NativeTool(tool, NativeToolSpec(api_type="computer_use"))


def part(name: str, **arguments: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": arguments}}


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (part("click_at", x=999, y=0), {"action": "click_at", "x": 1439, "y": 0}),
        (
            part("scroll_at", x=500, y=500, direction="down", magnitude=100),
            {"action": "scroll_at", "x": 720, "y": 450, "direction": "down", "magnitude": 90},
        ),
        (
            part("drag_and_drop", x=0, y=0, destination_x=100, destination_y=100),
            {
                **{"action": "drag_and_drop", "x": 0, "y": 0},
                "destination_x": 144,
                "destination_y": 90,
            },
        ),
        (part("navigate", url="http://x"), {"action": "navigate", "url": "http://x"}),
    ],
    ids=["click", "scroll", "drag", "navigate"],
)
def test_the_models_coordinates_become_pixels(asked: Any, meant: dict[str, Any]) -> None:
    call = gemini_native.call(asked, computer(width=1440, height=900))
    assert (call.name, call.arguments) == ("gemini_computer", meant)


def test_a_tool_that_takes_the_models_coordinates_gets_them() -> None:
    native = computer(width=1440, height=900, coordinate_space=1000)
    assert gemini_native.call(part("click_at", x=7, y=9), native).arguments["x"] == 7


def test_any_other_function_is_called_as_it_is() -> None:
    native = computer(width=1440, height=900)
    assert gemini_native.call(part("count", x=7), native).arguments == {"x": 7}
    assert gemini_native.call(part("search", x=7), native, {"search"}).name == "search"


def test_the_answer_has_the_address_the_picture_and_the_reason_of_a_failure() -> None:
    said = [mcp_types.TextContent(text=text) for text in ("no such key", "__URL__:http://x")]
    picture = mcp_types.ImageContent(data="aGk=", mime_type="image/png")
    returned = MCPToolResult(content=[*said, picture], is_error=True)
    call = ComputerCall(name="gemini_computer", function="click_at", call_id="1")
    assert gemini_native.result(call, returned)["functionResponse"] == {
        **{"name": "click_at", "id": "1", "response": {"url": "http://x", "error": "no such key"}},
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}],
    }


def test_the_requests_parts_are_what_the_providers_package_knows() -> None:
    types = pytest.importorskip("google.genai.types")
    tool = types.Tool.model_validate(gemini_native.tool(["search"]))
    assert tool.computer_use.excluded_predefined_functions == ["search"]
    call = ComputerCall(name="gemini_computer", function="click_at", safety={})
    answer = types.Part.model_validate(gemini_native.result(call, MCPToolResult(content=[])))
    assert answer.function_response.response["safety_acknowledgement"] == "true"

"""Tools and pictures have the names of fields that published code reads."""

from __future__ import annotations

import mcp_types
import pytest

import hud
from hud import Environment
from hud.environment.session import Session

pytestmark = pytest.mark.anyio


def gallery() -> Environment:
    env = Environment("gallery")

    @env.tool()
    def draw(size: int = 1) -> mcp_types.ImageContent:
        """Draw."""
        return mcp_types.ImageContent(data="aGk=", mimeType="image/png")

    return env


async def test_a_tools_schemas_have_both_names() -> None:
    env = gallery()
    async with hud.eval(env()) as ctx:
        for (tool,) in (env.as_tools(), await env.list_tools(), ctx.as_tools()):
            assert tool.inputSchema == tool.input_schema  # type: ignore[attr-defined]
            assert tool.outputSchema is tool.output_schema  # type: ignore[attr-defined]
            assert tool == env.tool_definitions()[0]


async def test_a_picture_in_a_result_has_both_names_and_is_equal_to_mcps_own() -> None:
    async with gallery() as env:
        (picture,) = (await env.call_tool("draw")).content
        (over,) = (await Session(env).call_tool("draw", {})).content
    assert (picture.type, picture.mimeType) == ("image", "image/png")
    assert over == mcp_types.ImageContent(data="aGk=", mime_type="image/png")
    assert picture.model_dump(by_alias=True)["mimeType"] == "image/png"

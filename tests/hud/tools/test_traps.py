"""What the original's tools and agents get wrong for published environments, asserted right."""

from __future__ import annotations

import base64
from typing import Any

import pytest

import hud
from hud import Environment
from hud.agents import ClaudeAgent
from hud.formats import openai_native
from hud.tools import AnthropicComputerTool, BashTool, EditTool, JupyterTool, ReadTool
from hud.types import MCPToolCall
from tests.hud.tools.calling import call, closed_after, definition, images, text

pytestmark = pytest.mark.anyio


def test_the_jupyter_tool_can_be_added_to_an_environment() -> None:
    assert "code" in definition(JupyterTool()).input_schema["properties"]


async def test_a_picture_is_read_as_a_picture(tmp_path: Any) -> None:
    (tmp_path / "dot.png").write_bytes(base64.b64decode(openai_native.BLANK))
    (shown,) = images(await call(ReadTool(base_path=str(tmp_path)), filePath="dot.png"))
    assert shown.mime_type == "image/png"


async def test_the_computer_tool_without_a_display_shows_a_screen() -> None:
    tool = AnthropicComputerTool(width=800, height=600)
    found = definition(tool)
    meta = found.meta or {}
    assert found.name == "anthropic_computer"
    assert meta["resolution"] == {"width": 800, "height": 600}
    assert [spec["api_name"] for spec in meta["native_tools"]["claude"]] == ["computer"] * 2
    assert len(images(await call(tool, action="screenshot"))) == 1


async def test_what_a_command_says_on_either_stream_is_told() -> None:
    async with closed_after(BashTool()) as bash:
        said = await text(bash, command="echo out; echo err >&2")
    assert ("out" in said, "err" in said) == (True, True)


async def test_a_loop_of_ones_own_drives_an_agent_step_by_step() -> None:
    env = Environment("published")
    env.add_tool(EditTool())
    agent = ClaudeAgent.create(model="claude-sonnet-4-6", api_key="key")
    async with hud.eval(hud.Task(env=env, args={})) as ctx:
        await agent._initialize_from_ctx(ctx)
        assert [tool.name for tool in agent._available_tools] == list(agent._tool_map) == ["edit"]
        view = {"command": "view", "path": "/nowhere"}
        by_its_providers_name = MCPToolCall(name="str_replace_based_edit_tool", arguments=view)
        (result,) = await agent.call_tools([by_its_providers_name])
    assert "/nowhere" in result.text

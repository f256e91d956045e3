"""The ready-made tools as providers' own, in the terms of the providers' packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from anthropic.types.beta import BetaToolUnionParam
from openai.types.responses import ResponseInputItemParam, ToolParam
from pydantic import TypeAdapter

from hud import Environment
from hud.formats import claude_native, openai_native
from hud.formats.native import NativeTool, offer
from hud.formats.openai_native import KINDS, NativeCall
from hud.tools import (
    AnthropicComputerTool,
    ApplyPatchTool,
    BashTool,
    ClaudeMemoryTool,
    EditTool,
    OpenAIComputerTool,
    ShellTool,
)
from hud.types import AgentType, MCPToolResult

CLAUDES: TypeAdapter[Any] = TypeAdapter(BetaToolUnionParam)
OPENAIS: TypeAdapter[Any] = TypeAdapter(ToolParam)
ITEMS: TypeAdapter[Any] = TypeAdapter(ResponseInputItemParam)


def natives(tmp_path: Path, family: AgentType, model: str) -> list[NativeTool]:
    env = Environment("tools")
    for tool in (
        *(BashTool(), EditTool(), ClaudeMemoryTool(memories_dir=tmp_path), ShellTool()),
        *(ApplyPatchTool(), AnthropicComputerTool(), OpenAIComputerTool()),
    ):
        env.add_tool(tool)
    return list(offer(env.as_tools(), family, model).natives.values())


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-6"])
def test_anthropic_knows_the_definitions(tmp_path: Path, model: str) -> None:
    defined = [claude_native.tool(item) for item in natives(tmp_path, AgentType.CLAUDE, model)]
    assert len(defined) == 4
    assert [CLAUDES.validate_python(tool) for tool in defined] == defined


@pytest.mark.parametrize(
    ("family", "model", "count"),
    [(AgentType.OPENAI, "gpt-5.4", 3), (AgentType.OPERATOR, "computer-use-preview", 1)],
)
def test_openai_knows_the_definitions(
    tmp_path: Path, family: AgentType, model: str, count: int
) -> None:
    defined = [openai_native.tool(item) for item in natives(tmp_path, family, model)]
    assert len(defined) == count
    assert [OPENAIS.validate_python(tool) for tool in defined] == defined


@pytest.mark.parametrize("kind", KINDS)
def test_openai_knows_the_answers(kind: str) -> None:
    call = NativeCall(id="c", name="x", kind=kind, safety_checks=[{"id": "1"}])
    items = openai_native.result(call, MCPToolResult(content=[]))
    assert [item["type"] for item in items] == [f"{kind}_output"]
    for item in items:
        assert ITEMS.validate_python(item)["type"] == f"{kind}_output"

"""`as_claude_tools`, `as_anthropic_runner` and `call_tool` with the package `anthropic`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.fake_provider import Running
from tests.integrations.paintbox import CIRCLE, DRAW_SCHEMA, DRAWN, PIXEL, Paintbox

anthropic = pytest.importorskip("anthropic", reason="needs the package anthropic")
pytestmark = pytest.mark.anyio

DRAW = f"call:draw:{json.dumps(CIRCLE)}"
"""The model that calls `draw`."""
ASK: Any = [{"role": "user", "content": "draw"}]


@pytest.fixture
async def client(provider: Running) -> AsyncIterator[Any]:
    async with anthropic.AsyncAnthropic(base_url=provider.url, api_key="k") as client:
        yield client


async def test_a_tool_use_block_is_answered_with_a_tool_result(
    box: Paintbox, client: Any, provider: Running
) -> None:
    asked = {"model": DRAW, "max_tokens": 100, "tools": box.as_claude_tools(cache_control=True)}
    first = await client.messages.create(messages=ASK, **asked)
    results = await box.call_tools(first.content)
    content = [block.model_dump(exclude_none=True) for block in first.content]
    turns = [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
    last = await client.messages.create(messages=[*ASK, *turns], **asked)
    assert json.loads(last.content[0].text) == DRAWN
    sent = provider.requests[0]["body"]["tools"]
    assert sent[0]["input_schema"] == DRAW_SCHEMA
    assert [tool["name"] for tool in sent if "cache_control" in tool] == ["spill"]


async def test_the_sdks_tool_runner_runs_the_tools(
    box: Paintbox, client: Any, provider: Running
) -> None:
    runner = client.beta.messages.tool_runner(
        model=DRAW, max_tokens=100, messages=ASK, tools=box.as_anthropic_runner().tools
    )
    last = await runner.until_done()
    assert json.loads(last.content[0].text) == DRAWN
    assert provider.requests[0]["body"]["tools"][0]["input_schema"] == DRAW_SCHEMA


async def test_the_sdks_tool_runner_shows_a_failure_to_the_model(
    box: Paintbox, client: Any, provider: Running
) -> None:
    runner = client.beta.messages.tool_runner(
        model="call:spill", max_tokens=100, messages=ASK, tools=box.as_anthropic_runner().tools
    )
    await runner.until_done()
    (result,) = provider.requests[-1]["body"]["messages"][-1]["content"]
    assert result["is_error"] is True
    assert result["content"] == [{"type": "text", "text": "the paint is gone"}]


@pytest.mark.parametrize(
    ("name", "given", "is_error"),
    [("draw", CIRCLE, False), ("draw", {}, True), ("show", {}, False), ("spill", {}, True)],
)
async def test_the_runner_answers_a_block_with_what_the_api_takes(
    box: Paintbox, name: str, given: dict[str, Any], is_error: bool
) -> None:
    block = anthropic.types.ToolUseBlock(id="toolu_1", name=name, input=given, type="tool_use")
    result = await box.as_anthropic_runner().run(block)
    TypeAdapter(anthropic.types.ToolResultBlockParam).validate_python(result)
    assert (result["tool_use_id"], result["is_error"]) == ("toolu_1", is_error)
    assert result["content"]


async def test_the_runner_answers_unreadable_input_and_unknown_tools(box: Paintbox) -> None:
    runner = box.as_anthropic_runner()
    block = {"type": "tool_use", "id": "toolu_1", "name": "draw", "input": [1]}
    assert "not an object" in (await runner.run(block))["content"][0]["text"]
    assert (await runner.run(block | {"name": "erase", "input": {}}))["is_error"] is True
    assert runner.tool_names == ["draw", "remember", "show", "spill"]


async def test_an_image_reaches_claude_as_an_image(box: Paintbox, client: Any) -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "show", "input": {}}
    result = await box.call_tool(use)
    assert result["content"][1]["source"]["data"] == PIXEL
    turns = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    last = await client.messages.create(model="images", max_tokens=9, messages=[*ASK, *turns])
    assert last.content[0].text == "1"


def test_programmatic_tools_are_tools_of_the_api(box: Paintbox) -> None:
    tools = box.as_claude_programmatic_tools(cache_control=True)
    for tool in tools:
        TypeAdapter(anthropic.types.ToolParam).validate_python(tool)
    assert {tuple(tool["allowed_callers"]) for tool in tools} == {("code_execution_20250825",)}

"""`as_openai_chat_tools`, `as_openai_responses_tools` and `call_tool` with the `openai` package."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fake_provider import Running
from tests.integrations.paintbox import CIRCLE, DRAW_SCHEMA, DRAWN, PIXEL, Paintbox

openai = pytest.importorskip("openai", reason="needs the package openai")
pytestmark = pytest.mark.anyio

DRAW = f"call:draw:{json.dumps(CIRCLE)}"
"""The model that calls `draw`."""


@pytest.fixture
async def client(provider: Running) -> AsyncIterator[Any]:
    async with openai.AsyncOpenAI(base_url=provider.openai_url, api_key="k") as client:
        yield client


async def test_a_chat_completions_tool_call_is_answered_with_a_tool_message(
    box: Paintbox, client: Any, provider: Running
) -> None:
    messages: list[Any] = [{"role": "user", "content": "draw"}]
    tools = box.as_openai_chat_tools()
    first = await client.chat.completions.create(model=DRAW, messages=messages, tools=tools)
    calls = first.choices[0].message.tool_calls
    answers = await box.call_tools(calls)
    messages += [first.choices[0].message.model_dump(exclude_none=True), *answers]
    last = await client.chat.completions.create(model=DRAW, messages=messages, tools=tools)
    assert json.loads(last.choices[0].message.content) == DRAWN
    assert provider.requests[0]["body"]["tools"][0]["function"]["parameters"] == DRAW_SCHEMA


async def test_a_responses_function_call_is_answered_with_its_output(
    box: Paintbox, client: Any, provider: Running
) -> None:
    tools = box.as_openai_responses_tools()
    first = await client.responses.create(model=DRAW, input="draw", tools=tools)
    answers = await box.call_tools(first.output)
    given = [*(item.model_dump(exclude_none=True) for item in first.output), *answers]
    last = await client.responses.create(model=DRAW, input=given, tools=tools)
    assert json.loads(last.output_text) == DRAWN
    assert provider.requests[0]["body"]["tools"][0]["parameters"] == DRAW_SCHEMA


async def test_an_image_reaches_the_responses_api_as_an_image(box: Paintbox, client: Any) -> None:
    first = await client.responses.create(
        model="call:show", input="show", tools=box.as_openai_responses_tools()
    )
    answers = await box.call_tools(first.output)
    assert [part["type"] for part in answers[0]["output"]] == ["input_text", "input_image"]
    assert answers[0]["output"][1]["image_url"].endswith(PIXEL)
    given = [*(item.model_dump(exclude_none=True) for item in first.output), *answers]
    counted = await client.responses.create(model="images", input=given)
    assert counted.output_text == "1"


async def test_arguments_that_are_no_json_are_answered_with_the_reason(
    box: Paintbox, client: Any
) -> None:
    tools = box.as_openai_chat_tools()
    messages: list[Any] = [{"role": "user", "content": "draw"}]
    reply = await client.chat.completions.create(model="bad-json", messages=messages, tools=tools)
    (answer,) = await box.call_tools(reply.choices[0].message.tool_calls)
    assert answer["role"] == "tool"
    assert "the arguments of the tool `draw` are not JSON" in answer["content"]
    assert box.calls == []


async def test_strict_schemas_are_what_the_sdk_itself_would_make(box: Paintbox) -> None:
    strict = pytest.importorskip("openai.lib._pydantic")._ensure_strict_json_schema
    for tool in box.as_openai_chat_tools(strict=True):
        ours = tool["function"]["parameters"]
        assert strict(json.loads(json.dumps(ours)), path=(), root=ours) == ours


async def test_nulls_of_strict_mode_stand_for_arguments_that_were_left_out(box: Paintbox) -> None:
    arguments = {**CIRCLE, "color": None, "layer": None, "times": None}
    function = {"name": "draw", "arguments": json.dumps(arguments)}
    call = openai.types.chat.ChatCompletionMessageFunctionToolCall(
        id="call_1", function=function, type="function"
    )
    answer = await box.call_tool(call)
    assert json.loads(answer["content"]) == {**DRAWN, "color": "red"}
    assert answer["tool_call_id"] == "call_1"

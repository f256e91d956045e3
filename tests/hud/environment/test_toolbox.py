from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import mcp_types
import pytest

from hud.environment.toolbox import Toolbox
from hud.errors import ToolError, UserError
from hud.types import MCPToolCall, MCPToolResult

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "times": {"type": "integer", "default": 1}},
    "required": ["text"],
}


class Echo(Toolbox):
    """`echo` repeats its text, `meet` waits for a second `meet`; every other tool is unknown."""

    def __init__(self) -> None:
        self.calls: list[MCPToolCall] = []
        self.met = anyio.Event()
        self.waiting = 0

    def as_tools(self) -> list[mcp_types.Tool]:
        return [mcp_types.Tool(name="echo", description="Repeat.", input_schema=SCHEMA)]

    async def _call(self, call: MCPToolCall) -> MCPToolResult:
        self.calls.append(call)
        if call.name == "meet":
            await self.meet()
        elif call.name != "echo":
            return failed(f"unknown tool `{call.name}`")
        said = str(call.arguments.get("text", "")) * call.arguments.get("times", 1)
        return MCPToolResult(
            content=[mcp_types.TextContent(text=said)], structured_content={"said": said}
        )

    async def meet(self) -> None:
        self.waiting += 1
        if self.waiting == 2:
            self.met.set()
        with anyio.fail_after(5):
            await self.met.wait()


def failed(message: str) -> MCPToolResult:
    return MCPToolResult(content=[mcp_types.TextContent(text=message)], is_error=True)


def chat(name: str, arguments: str = '{"text": "a"}', id: str = "call_1") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.fixture
def box() -> Echo:
    return Echo()


async def test_a_tool_is_called_by_its_name(box: Echo) -> None:
    result = await box.call_tool("echo", text="a", times=2)
    assert isinstance(result, MCPToolResult)
    assert result["said"] == "aa"


async def test_a_tool_is_called_by_a_tuple(box: Echo) -> None:
    result = await box.call_tool(("echo", {"text": "a"}, "call_7"))
    assert (result.text, box.calls[0].id) == ("a", "call_7")


@pytest.mark.parametrize("call", ["erase", ("erase", {})])
async def test_a_failure_of_a_tool_called_by_name_is_raised(box: Echo, call: Any) -> None:
    with pytest.raises(ToolError, match="unknown tool `erase`"):
        await box.call_tool(call)


async def test_a_failure_of_an_mcp_call_is_its_result(box: Echo) -> None:
    result = await box.call_tool(MCPToolCall(name="erase"))
    assert (result.isError, result.text) == (True, "unknown tool `erase`")


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (chat("erase"), "Error: unknown tool `erase`"),
        (chat("echo", "{"), "Error: the arguments of the tool `echo` are not JSON"),
        (chat("echo", "[]"), "Error: the arguments of the tool `echo` are '[]'"),
    ],
)
async def test_a_failure_of_a_providers_call_is_in_the_answer(
    box: Echo, call: Any, reason: str
) -> None:
    answer = await box.call_tool(call)
    assert (answer["role"], answer["tool_call_id"]) == ("tool", "call_1")
    assert answer["content"].startswith(reason)


async def test_a_tool_is_not_run_with_arguments_that_cannot_be_read(box: Echo) -> None:
    await box.call_tool(chat("echo", '{"text": '))
    with pytest.raises(ToolError, match="not an object"):
        await box.call_tool(("echo", ["a"]))
    assert box.calls == []


async def test_what_is_no_call_is_refused(box: Echo) -> None:
    with pytest.raises(UserError, match="no tool call"):
        await box.call_tool({"foo": 1})


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"text": "a", "times": None}, {"text": "a"}),
        ({"text": None, "times": 2}, {"text": None, "times": 2}),
        ({"text": "a", "unknown": None}, {"text": "a", "unknown": None}),
    ],
)
async def test_openais_nulls_for_optional_arguments_are_left_out(
    box: Echo, arguments: dict[str, Any], received: dict[str, Any]
) -> None:
    await box.call_tool(chat("echo", json.dumps(arguments)))
    assert box.calls[0].arguments == received


async def test_calls_run_at_the_same_time_and_answers_keep_their_order(box: Echo) -> None:
    calls = [chat("meet", id="a"), chat("echo", id="b"), chat("meet", id="c")]
    answers = await box.call_tools(calls)
    assert [answer["tool_call_id"] for answer in answers] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("requested", "answers"),
    [
        (None, 0),
        ([], 0),
        ([None, chat("echo"), None], 1),
        ([{"type": "text", "text": "I will"}, chat("echo"), {"type": "thinking"}], 1),
    ],
)
async def test_only_calls_are_answered(box: Echo, requested: Any, answers: int) -> None:
    assert len(await box.call_tools(requested)) == answers


async def test_nothing_runs_when_one_item_is_no_call(box: Echo) -> None:
    with pytest.raises(UserError):
        await box.call_tools([chat("echo"), {"foo": 1}])
    assert box.calls == []


async def test_all_calls_end_before_a_failure_is_raised(box: Echo) -> None:
    with pytest.raises(ToolError, match="erase"):
        await box.call_tools([("erase", {}), ("echo", {"text": "a"})])
    assert [call.name for call in box.calls] == ["erase", "echo"]


@pytest.mark.parametrize(
    "convert",
    [
        lambda box: box.as_openai_chat_tools()[0]["function"],
        lambda box: box.as_openai_responses_tools()[0],
        lambda box: box.as_claude_tools()[0],
        lambda box: box.as_claude_programmatic_tools()[0],
        lambda box: box.as_gemini_tools()[0]["function_declarations"][0],
    ],
)
def test_every_format_offers_the_tools_that_the_toolbox_shows(
    box: Echo, convert: Callable[[Toolbox], dict[str, Any]]
) -> None:
    offered = convert(box)
    assert (offered["name"], offered["description"]) == ("echo", "Repeat.")

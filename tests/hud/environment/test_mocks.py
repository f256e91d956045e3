"""Mock mode: what is answered, what is written down, and that the tools do not run."""

from __future__ import annotations

import enum
from typing import Any, Literal

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel

from hud import Environment
from hud.environment.mocks import MockCall, sample
from hud.errors import ToolError
from hud.types import MCPToolCall

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Part(BaseModel):
    name: str
    weight: float


class Machine(BaseModel):
    parts: list[Part]
    main: Part
    colour: Colour
    mode: Literal["on", "off"]
    spare: Part | None
    labels: dict[str, str] = {}


class Chain(BaseModel):
    next: Chain | None
    result: int


def mocked() -> Environment:
    env = Environment("test")

    @env.tool
    def check(word: str, times: int = 1) -> bool:
        raise AssertionError("a mocked tool must not run")

    return env.mock()


async def test_a_mocked_tool_does_not_run_and_the_call_is_written_down() -> None:
    env = mocked().mock_tool("check", False)
    assert env.is_mock is True
    assert (await env.call_tool("check", word="a")).value is False
    await env.call_tool("check", word="b", times=2)
    assert env.mock_calls == [
        MockCall("check", {"word": "a"}, False),
        MockCall("check", {"word": "b", "times": 2}, False),
    ]


async def test_without_an_output_of_its_own_a_mock_answers_with_a_sample() -> None:
    assert (await mocked().call_tool("check", word="a")).value is True


async def later(word: str, times: int = 1) -> str:
    return word * times


@pytest.mark.parametrize(
    "output", [lambda word, times=1: word * times, later], ids=["sync", "async"]
)
async def test_an_output_may_be_computed_from_the_arguments(output: Any) -> None:
    env = mocked().mock_tool("check", output)
    assert (await env.call_tool("check", word="ab", times=2)).value == "abab"
    assert env.mock_calls[0].output == "abab"


async def test_an_output_that_raises_is_a_failed_call() -> None:
    def broken(word: str) -> str:
        raise ValueError(word)

    env = mocked().mock_tool("check", broken)
    with pytest.raises(ToolError, match="Error calling tool 'check': ValueError: a"):
        await env.call_tool("check", word="a")


@pytest.mark.parametrize(
    ("output", "structured", "text"),
    [
        ({"success": True}, {"success": True}, '{"success":true}'),
        ("done", {"result": "done"}, "done"),
        ([1], {"result": [1]}, "[1]"),
        (None, {"result": None}, ""),
        (b"\xff", {"result": "_w=="}, "_w=="),
    ],
    ids=repr,
)
async def test_an_output_is_answered_as_the_tools_own_result_is(
    output: Any, structured: Any, text: str
) -> None:
    env = Environment("test").mock().mock_tool("read", output)
    env.tool("read")(lambda: None)
    result = await env.call_tool("read")
    assert (result.structured_content, result.text) == (structured, text)


async def test_an_output_for_a_wrapped_result_is_wrapped() -> None:
    env = Environment("test").mock().mock_tool("find", {"name": "bolt", "weight": 1})

    @env.tool
    def find() -> Part | None: ...

    result = await env.call_tool("find")
    assert result.structured_content == {"result": {"name": "bolt", "weight": 1}}
    assert result["name"] == "bolt"


async def test_unmocking_runs_the_tools_again() -> None:
    env = mocked().unmock()
    assert env.is_mock is False
    with pytest.raises(ToolError, match="must not run"):
        await env.call_tool("check", word="a")
    assert env.mock(enable=False).is_mock is False


async def test_mocking_again_starts_a_fresh_log_and_keeps_the_outputs() -> None:
    env = mocked().mock_tool("check", "set")
    await env.call_tool("check", word="a")
    env.mock()
    assert env.mock_calls == []
    assert (await env.call_tool("check", word="a")).value == "set"


async def test_an_unknown_tool_stays_unknown_in_mock_mode() -> None:
    env = mocked()
    assert (await env.call_tool(MCPToolCall(name="chekc"))).is_error is True
    assert env.mock_calls == []


async def test_tools_of_a_connection_are_mocked_too() -> None:
    env = Environment("outer").connect_server(mocked().unmock()).mock()
    async with env:
        assert (await env.call_tool("check", word="a")).value is True
    assert [call.name for call in env.mock_calls] == ["check"]


@pytest.mark.parametrize(
    "returned",
    [
        int,
        float,
        str,
        bool,
        list[int],
        dict[str, int],
        Colour,
        Part,
        Machine,
        Part | None,
        Chain,
        int | str,
    ],
    ids=str,
)
async def test_a_sample_fits_the_output_schema(returned: Any) -> None:
    def make() -> Any: ...

    make.__annotations__["return"] = returned
    env = Environment("test").mock()
    env.tool(make)
    schema = env.as_tools()[0].output_schema
    assert schema is not None
    jsonschema.validate((await env.call_tool("make")).structured_content, schema)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (None, "mock_success"),
        ({}, "mock_success"),
        (
            {"type": "object", "properties": {"a": {"const": 3}, "b": {"default": "x"}}},
            {"a": 3, "b": "x"},
        ),
        ({"type": ["string", "null"]}, "mock"),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"$ref": "#/$defs/Missing"}, None),
        ({"type": "object", "properties": {"result": {"type": "integer"}}}, {"result": 0}),
    ],
    ids=str,
)
def test_a_sample_is_the_smallest_value_of_a_schema(schema: Any, value: Any) -> None:
    assert sample(schema) == value

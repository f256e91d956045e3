"""Functions as tools: every form of the decorator, every kind of result, told failures."""

from __future__ import annotations

import base64
import contextvars
import datetime
import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import anyio
import jsonschema  # type: ignore[import-untyped]
import mcp_types
import pytest
from pydantic import BaseModel, Field

from hud import Environment
from hud.environment.registry import FunctionTool
from hud.errors import ToolError, UserError
from hud.types import MCPToolCall, MCPToolResult

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    RED = "red"


class Point(BaseModel):
    x: int
    label: str = Field(default="", alias="theLabel")


class Line(BaseModel):
    ends: list[Point]
    colour: Colour = Colour.RED


class Node(BaseModel):
    value: int
    next: Node | None = None


@dataclass
class Size:
    width: int
    height: float


class Array:
    """What numeric libraries return: no number, but it knows how to become one."""

    def tolist(self) -> list[float]:
        return [1.5, 2.0]


class Picture:
    def to_image_content(self) -> mcp_types.ImageContent:
        return IMAGE


class Counter:
    """Counts calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, step: int) -> int:
        self.calls += step
        return self.calls

    def reset(self) -> str:
        """Start again."""
        self.calls = 0
        return "reset"


TEXT = mcp_types.TextContent(text="seen")
IMAGE = mcp_types.ImageContent(data=base64.b64encode(b"png").decode(), mime_type="image/png")
SOUND = mcp_types.AudioContent(data=base64.b64encode(b"wav").decode(), mime_type="audio/wav")
NOON = datetime.datetime(2024, 5, 6, 12, tzinfo=datetime.UTC)


def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


async def run(function: Callable[..., Any], **arguments: Any) -> MCPToolResult:
    env = Environment("test")
    env.add_tool(function, name="tool")
    result = await env.call_tool(MCPToolCall(name="tool", arguments=arguments))
    assert isinstance(result, MCPToolResult)
    return result


def declared(env: Environment) -> dict[str, mcp_types.Tool]:
    return {tool.name: tool for tool in env.as_tools()}


FORMS: dict[str, Callable[[Environment], Any]] = {
    "bare": lambda env: env.tool(add),
    "called": lambda env: env.tool()(add),
    "positional name": lambda env: env.tool("add")(add),
    "named": lambda env: env.tool(name="add")(add),
    "function and name": lambda env: env.tool(add, name="add"),
    "described": lambda env: env.tool(description="Add two numbers.")(add),
    "added": lambda env: env.add_tool(add),
    "added by name": lambda env: env.add_tool(add, name="add"),
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_declares_the_tool_and_returns_the_function(form: str) -> None:
    env = Environment("test")
    assert FORMS[form](env) is add
    assert declared(env)["add"].description == "Add two numbers."
    assert (await env.call_tool("add", a=2)).value == 3


async def test_the_decorated_function_stays_directly_callable() -> None:
    env = Environment("test")

    @env.tool
    async def double(number: int) -> int:
        return number * 2

    assert await double(4) == 8


async def test_options_of_the_decorator_are_published() -> None:
    env = Environment("test")
    env.tool(
        "sum",
        title="Sum",
        description="Adds.",
        annotations={"readOnlyHint": True},
        meta={"group": "numbers"},
        output_schema=None,
    )(add)
    tool = declared(env)["sum"]
    assert (tool.title, tool.description, tool.output_schema) == ("Sum", "Adds.", None)
    assert tool.annotations is not None
    assert tool.annotations.read_only_hint is True
    assert tool.meta == {"group": "numbers"}


async def test_a_method_keeps_the_state_of_its_object() -> None:
    env, counter = Environment("test"), Counter()
    env.add_tool(counter, name="count")
    env.tool(counter.reset)
    assert (await env.call_tool("count", step=2)).value == 2
    assert (await env.call_tool("count", step=2)).value == 4
    assert (await env.call_tool("reset")).value == "reset"
    assert counter.calls == 0


async def test_a_callable_object_is_named_and_described_by_its_class() -> None:
    env = Environment("test")
    env.add_tool(Counter())
    assert declared(env)["Counter"].description == "Counts calls."


async def test_a_partial_keeps_the_types_and_the_text_of_its_function() -> None:
    env = Environment("test")
    env.add_tool(partial(add, b=10), name="add_ten")
    tool = declared(env)["add_ten"]
    assert tool.description == "Add two numbers."
    assert tool.input_schema["required"] == ["a"]
    assert (await env.call_tool("add_ten", a="1")).value == 11


async def test_an_object_with_an_mcp_tool_inside_is_that_tool() -> None:
    class Wrapper:
        mcp = FunctionTool(add, "inner")

    env = Environment("test")
    env.add_tool(Wrapper())
    env.add_tool(Wrapper(), name="outer")
    assert list(declared(env)) == ["inner", "outer"]
    assert (await env.call_tool("outer", a=1)).value == 2


@pytest.mark.parametrize("wrong", [3, "add", None])
def test_what_cannot_be_called_is_no_tool(wrong: Any) -> None:
    with pytest.raises(TypeError, match="is no tool"):
        Environment("test").add_tool(wrong)


def test_a_lambda_needs_a_name() -> None:
    env = Environment("test")
    with pytest.raises(TypeError, match="lambda"):
        env.add_tool(lambda: 1)
    env.add_tool(lambda: 1, name="one")
    assert list(declared(env)) == ["one"]


async def test_a_declared_tool_replaces_one_of_the_same_name() -> None:
    env = Environment("test")
    env.tool("answer")(lambda: 1)
    env.tool("answer")(lambda: 2)
    assert (await env.call_tool("answer")).value == 2
    assert list(declared(env)) == ["answer"]


async def test_a_hidden_tool_is_callable_but_not_listed() -> None:
    env = Environment("test")
    env.tool("_reset")(lambda: "done")
    assert env.as_tools() == await env.list_tools() == []
    assert (await env.call_tool("_reset")).value == "done"


def wrapped_async(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def wrapped_sync(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


async def add_later(a: int, b: int = 1) -> int:
    await anyio.lowlevel.checkpoint()
    return a + b


@pytest.mark.parametrize(
    "function",
    [add_later, wrapped_async(add), wrapped_sync(add), wrapped_sync(add_later), partial(add_later)],
    ids=["async", "async around sync", "sync", "sync around async", "partial of async"],
)
async def test_sync_and_async_functions_and_their_wrappers_run(function: Any) -> None:
    assert (await run(function, a=2)).value == 3


async def test_eight_sync_tools_run_at_the_same_time() -> None:
    env = Environment("test")
    together = threading.Barrier(8, timeout=5)

    @env.tool
    def meet() -> bool:
        together.wait()
        return threading.current_thread() is not threading.main_thread()

    results = await env.call_tools([("meet", {})] * 8)
    assert [result.value for result in results] == [True] * 8


async def test_a_sync_tool_sees_the_context_variables_of_its_caller() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("set")
    assert (await run(lambda: variable.get())).value == "set"


RESULTS: list[tuple[Any, Any, str | None]] = [
    (3, {"result": 3}, "3"),
    (0.5, {"result": 0.5}, "0.5"),
    (True, {"result": True}, "true"),
    ("text", {"result": "text"}, "text"),
    ('{"a": 1}', {"result": '{"a": 1}'}, '{"a": 1}'),
    ({"id": 1, "name": "é"}, {"id": 1, "name": "é"}, '{"id":1,"name":"é"}'),
    ([1, "two"], {"result": [1, "two"]}, '[1,"two"]'),
    ((1, 2), {"result": [1, 2]}, "[1,2]"),
    (None, {"result": None}, None),
    ([], {"result": []}, None),
    ({}, {}, "{}"),
    (Colour.RED, {"result": "red"}, "red"),
    (b"bytes", {"result": "bytes"}, "bytes"),
    (b"\xff\x00", {"result": "_wA="}, "_wA="),
    (NOON, {"result": "2024-05-06T12:00:00Z"}, "2024-05-06T12:00:00Z"),
    (Size(2, 1.5), {"width": 2, "height": 1.5}, '{"width":2,"height":1.5}'),
    (Point(x=1), {"x": 1, "theLabel": ""}, '{"x":1,"theLabel":""}'),
    (Array(), {"result": [1.5, 2.0]}, "[1.5,2.0]"),
    ({"values": Array()}, {"values": [1.5, 2.0]}, '{"values":[1.5,2.0]}'),
]


@pytest.mark.parametrize(
    ("value", "structured", "text"), RESULTS, ids=lambda value: repr(value)[:30]
)
async def test_a_plain_value_is_text_and_structured_content(
    value: Any, structured: Any, text: str | None
) -> None:
    result = await run(lambda: value)
    assert result.structured_content == structured
    assert [block.type for block in result.content] == ([] if text is None else ["text"])
    assert result.text == (text or "")
    assert result.is_error is False


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (TEXT, ["text"]),
        (IMAGE, ["image"]),
        (SOUND, ["audio"]),
        ([IMAGE, TEXT], ["image", "text"]),
        (["before", IMAGE, {"after": 1}], ["text", "image", "text"]),
        (Picture(), ["image"]),
        ([Picture(), "caption"], ["image", "text"]),
    ],
    ids=["text", "image", "audio", "blocks", "mixed", "picture", "picture in list"],
)
async def test_content_blocks_stay_what_they_are(value: Any, kinds: list[str]) -> None:
    result = await run(lambda: value)
    assert [block.type for block in result.content] == kinds
    assert result.structured_content is None


async def test_a_value_that_is_no_json_is_shown_as_text() -> None:
    assert (await run(lambda: {"thing": Array})).value == {"thing": str(Array)}


def tool_returning(annotation: Any, value: Any) -> FunctionTool:
    def function() -> Any:
        return value

    function.__annotations__["return"] = annotation
    return FunctionTool(function)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 3),
        (float, 0.5),
        (str, "text"),
        (bool, False),
        (dict, {"a": [1]}),
        (dict[str, int], {"a": 1}),
        (list[int], [1, 2]),
        (list[int], []),
        (list, ["text", IMAGE]),
        (list[Point], [Point(x=1)]),
        (Point, Point(x=1)),
        (Line, Line(ends=[Point(x=1), Point(x=2)])),
        (Node, Node(value=1, next=Node(value=2))),
        (Point | None, Point(x=1)),
        (Point | None, None),
        (int | str, "text"),
        (Size, Size(1, 2.0)),
        (Colour, Colour.RED),
        (bytes, b"\xff"),
        (datetime.datetime, NOON),
        (tuple[int, str], (1, "one")),
    ],
    ids=str,
)
async def test_structured_content_fits_the_output_schema(annotation: Any, value: Any) -> None:
    tool = tool_returning(annotation, value)
    schema = tool.definition.output_schema
    assert schema is not None
    assert schema["type"] == "object"
    result = await tool.run({})
    jsonschema.validate(result.structured_content, schema)


@pytest.mark.parametrize(
    "annotation",
    [
        None,
        Any,
        mcp_types.ImageContent,
        list[mcp_types.ContentBlock],
        str | mcp_types.TextContent,
        Picture,
    ],
    ids=str,
)
def test_results_without_data_have_no_output_schema(annotation: Any) -> None:
    assert tool_returning(annotation, None).definition.output_schema is None


async def test_without_an_output_schema_a_text_is_only_content() -> None:
    env = Environment("test")
    env.tool("say", output_schema=None)(lambda: "hello")
    env.tool("tell", output_schema=None)(lambda: {"success": True})
    assert (await env.call_tool("say")).structured_content is None
    assert (await env.call_tool("tell"))["success"] is True


async def test_a_result_object_passes_through() -> None:
    made = mcp_types.CallToolResult(content=[TEXT], structured_content={"a": 1}, is_error=True)
    result = await run(lambda: made)
    assert (result.text, result.structured_content, result.is_error) == ("seen", {"a": 1}, True)


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError("cannot be said")


def fail() -> None:
    raise ValueError("first line\nsecond line")


def fail_silently() -> None:
    raise RuntimeError


def refuse() -> None:
    raise UserError("not this one")


def give_up() -> None:
    raise ToolError("nothing to do")


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (fail, "ValueError: first line\nsecond line"),
        (fail_silently, "Error calling tool 'tool': RuntimeError"),
        (refuse, "not this one"),
        (give_up, "nothing to do"),
        (lambda: Unspeakable(), "the result cannot be written as JSON"),
    ],
    ids=["raises", "without a text", "user error", "tool error", "no JSON"],
)
async def test_a_tool_that_fails_is_a_result_that_names_it(function: Any, told: str) -> None:
    result = await run(function)
    assert result.is_error is True
    assert result.text.startswith("Error calling tool 'tool': ")
    assert told in result.text


async def test_a_failed_call_by_name_raises() -> None:
    env = Environment("test")
    env.tool(fail)
    with pytest.raises(ToolError, match="Error calling tool 'fail'"):
        await env.call_tool("fail")


async def test_the_authors_traceback_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await run(fail)
    captured = capsys.readouterr()
    assert "second line" in captured.err
    assert captured.out == ""


async def test_an_unknown_tool_names_the_near_ones() -> None:
    env = Environment("test")
    env.tool(add)
    with pytest.raises(ToolError, match="there is no tool `ad`"):
        await env.run_tool("ad", {})
    result = await env.call_tool(MCPToolCall(name="ad"))
    assert result.is_error is True


async def test_bad_arguments_of_a_call_are_an_error_that_names_them() -> None:
    result = await run(add, a="many", c=1)
    assert result.is_error is True
    assert result.text.startswith("Input validation error: ")
    assert "'a'" in result.text
    assert "unknown argument 'c'" in result.text


async def test_arguments_that_a_tool_body_refuses_are_not_taken_for_its_own() -> None:
    env = Environment("test")

    @env.scenario
    async def other(word: str) -> Any:
        yield word
        yield 1.0

    env.tool("start")(lambda: env("other", wrong=1))
    result = await env.call_tool(MCPToolCall(name="start"))
    assert result.text.startswith("Error calling tool 'start': scenario `other`")

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hud.errors import UserError
from hud.formats import calls
from hud.formats.fields import UnreadableArguments
from hud.types import MCPToolCall
from tests.hud.formats.offered import CALL, FAILED, SAW
from tests.hud.formats.test_fields import ARGUMENTS

POINT = {"point": {"x": 1}}
TEXT = json.dumps(POINT)
CHAT = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": TEXT}}
RESPONSES = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": TEXT}
CLAUDE = {"type": "tool_use", "id": "call_1", "name": "look", "input": POINT}
GEMINI = {"functionCall": {"id": "call_1", "name": "look", "args": POINT}}
SPELLINGS: list[tuple[Any, calls.Format]] = [
    (("look", POINT, "call_1"), "python"),
    (CALL, "mcp"),
    ({"id": "call_1", "name": "look", "arguments": POINT}, "mcp"),
    ({"id": "call_1", "name": "look", "input": POINT}, "mcp"),
    ({"id": "call_1", "name": "look", "args": POINT, "type": "tool_call"}, "mcp"),
    (CHAT, "openai_chat"),
    (
        SimpleNamespace(id="call_1", function=SimpleNamespace(name="look", arguments=TEXT)),
        "openai_chat",
    ),
    (RESPONSES, "openai_responses"),
    (CLAUDE, "claude"),
    (GEMINI, "gemini"),
    ({"function_call": GEMINI["functionCall"]}, "gemini"),
    (GEMINI["functionCall"], "gemini"),
]


@pytest.mark.parametrize(("item", "format"), SPELLINGS)
def test_every_spelling_is_understood(item: Any, format: calls.Format) -> None:
    parsed = calls.parse(item)
    assert (parsed.call, parsed.format) == (CALL, format)


def test_a_name_is_called_with_keyword_arguments() -> None:
    parsed = calls.parse("look", call=1, self=2)
    assert (parsed.call.name, parsed.call.arguments) == ("look", {"call": 1, "self": 2})


@pytest.mark.parametrize(
    ("item", "where"),
    [
        (CHAT, ("content",)),
        (RESPONSES, ("output",)),
        (CLAUDE, ("content", 0, "text")),
        (GEMINI, ("functionResponse", "response", "result")),
    ],
)
def test_a_result_is_rendered_in_the_format_of_the_call(item: Any, where: tuple[Any, ...]) -> None:
    answer = calls.parse(item).render(SAW)
    for step in where:
        answer = answer[step]
    assert answer == "a cat"


@pytest.mark.parametrize("item", [("look", POINT), CALL, {"name": "look", "arguments": POINT}])
def test_a_result_of_a_call_without_a_provider_stays_what_it_is(item: Any) -> None:
    assert calls.parse(item).render(FAILED) is FAILED


@given(st.text(min_size=1), ARGUMENTS, st.text(min_size=1))
def test_no_spelling_changes_name_arguments_or_id(
    name: str, arguments: dict[str, Any], id: str
) -> None:
    text = json.dumps(arguments)
    spelled: list[Any] = [
        (name, arguments, id),
        {"id": id, "function": {"name": name, "arguments": text}},
        {"type": "function_call", "call_id": id, "name": name, "arguments": text},
        {"type": "tool_use", "id": id, "name": name, "input": arguments},
        {"functionCall": {"id": id, "name": name, "args": arguments}},
        {"function_call": {"id": id, "name": name, "args": arguments}},
        {"id": id, "name": name, "arguments": arguments},
    ]
    expected = MCPToolCall(id=id, name=name, arguments=arguments)
    assert [calls.parse(item).call for item in spelled] == [expected] * len(spelled)


@pytest.mark.parametrize(
    "item",
    [
        ("look", '{"x"'),
        {"function": {"name": "look", "arguments": '{"x"'}},
        {"function": {"name": "look", "arguments": "[1]"}},
        {**RESPONSES, "arguments": "3"},
        {**CLAUDE, "input": "x=3"},
        {"functionCall": {"name": "look", "args": [1]}},
        {"name": "look", "arguments": [1]},
    ],
)
def test_unreadable_arguments_are_an_error_that_names_the_tool(item: Any) -> None:
    with pytest.raises(UnreadableArguments, match="the arguments of the tool `look`"):
        calls.parse(item)
    parsed = calls.read(item)
    assert (parsed.call.name, parsed.call.arguments) == ("look", {})
    assert parsed.error is not None


@pytest.mark.parametrize(
    "item",
    [
        *(None, 3, [], {}, [CHAT], ("look",), ("look", {}, "id", "more"), {"foo": 1}),
        {"type": "text", "text": "hello"},
        {"type": "server_tool_use", "id": "s1", "name": "look", "input": {}},
        {"type": "custom", "id": "c1", "custom": {"name": "look", "input": "free"}},
        {"name": "look", "parameters": POINT},
        {"type": "tool_use", "id": "call_1", "name": "look"},
        {"function": {"arguments": "{}"}},
    ],
)
def test_what_is_no_tool_call_is_refused(item: Any) -> None:
    with pytest.raises(UserError):
        calls.parse(item)


def test_an_unknown_call_is_told_what_is_known() -> None:
    with pytest.raises(UserError, match=r"the call of `look` has no arguments") as caught:
        calls.parse({"name": "look", "parameters": POINT})
    assert caught.value.hint == f"give {calls.EXAMPLES}"


@pytest.mark.parametrize("item", [CALL, CHAT, ("look", POINT)])
def test_keyword_arguments_go_with_a_name_only(item: Any) -> None:
    with pytest.raises(UserError, match="keyword arguments go with a tool's name"):
        calls.parse(item, x=1)


@pytest.mark.parametrize(
    ("item", "asks"),
    [
        *((item, True) for item, _ in SPELLINGS),
        ("look", True),
        ({"foo": 1}, True),
        ({"type": "custom_tool_call", "name": "look", "input": "free"}, True),
        ({"type": "text", "text": "hello"}, False),
        ({"type": "reasoning", "summary": []}, False),
        ({"type": "server_tool_use", "name": "web_search", "input": {}}, False),
        ({"text": "hello"}, False),
        ({"inlineData": {"mimeType": "image/png", "data": ""}}, False),
        ({"text": None, "function_call": GEMINI["functionCall"], "thought": True}, True),
    ],
)
def test_only_some_items_of_an_answer_ask_for_a_tool(item: Any, asks: bool) -> None:
    assert calls.is_call(item) is asks

"""The forms in which v4 wrote tool calls."""

from __future__ import annotations

from typing import Any

import pytest

from hud.environment.legacy.calls import from_json, read_call, to_json
from hud.types import MCPToolCall

FORMS = [
    ({"name": "navigate", "arguments": {"url": "u"}}, "navigate", {"url": "u"}),
    ({"name": "check"}, "check", {}),
    ({"name": "check", "arguments": None}, "check", {}),
    ({"name": "check", "id": "call-1", "arguments": {}}, "check", {}),
    ({"navigate": {"url": "u"}}, "navigate", {"url": "u"}),
    ({"check": {}}, "check", {}),
    ({"check": None}, "check", {}),
    (
        {"setup": {"name": "navigate", "arguments": {"url": "u"}}},
        "setup",
        {"name": "navigate", "arguments": {"url": "u"}},
    ),
    ({"evaluate": {"name": "max_number"}}, "evaluate", {"name": "max_number"}),
    (
        {"name": "setup", "arguments": {"name": "board", "arguments": {"size": 4}}},
        "setup",
        {"name": "board", "arguments": {"size": 4}},
    ),
    (MCPToolCall(name="check"), "check", {}),
]

MALFORMED = [
    ("navigate", "no tool call"),
    (7, "no tool call"),
    ({}, "one key that names the tool"),
    ({"setup": {}, "navigate": {}}, "one key that names the tool"),
    ({"name": "navigate", "args": {"url": "u"}}, "unknown key 'args'"),
    ({"navigate": "u"}, "valid dict"),
]


@pytest.mark.parametrize(("given", "name", "arguments"), FORMS)
def test_every_form_names_a_tool_and_its_arguments(
    given: Any, name: str, arguments: dict[str, Any]
) -> None:
    call = read_call(given)
    assert (call.name, call.arguments) == (name, arguments)


@pytest.mark.parametrize(("given", "reason"), MALFORMED)
def test_anything_else_is_refused_with_the_reason(given: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_call(given)


@pytest.mark.parametrize("given", [None, [], MCPToolCall(name="a"), [MCPToolCall(name="a")]])
def test_calls_become_json_without_ids(given: Any) -> None:
    assert to_json(given) == ([{"name": "a", "arguments": {}}] if given else [])


def test_a_text_that_is_not_json_is_refused() -> None:
    assert from_json('{"a": 1}') == {"a": 1}
    with pytest.raises(ValueError, match="'navigate' is not JSON"):
        from_json("navigate")

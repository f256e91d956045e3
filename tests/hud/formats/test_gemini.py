from __future__ import annotations

from typing import Any

import pytest

from hud.errors import UserError
from hud.formats import gemini
from tests.hud.formats.offered import CALL, FAILED, SAW, SAW_IMAGES, SCHEMA, TOOLS

INNER = {"name": "look", "args": {"point": {"x": 1}}, "id": "call_1"}


def test_tools_are_declarations_of_one_tool_with_their_whole_schema() -> None:
    (tool,) = gemini.tools(TOOLS)
    look, _ = tool["function_declarations"]
    assert look == {
        "name": "look",
        "description": "Look there.",
        "parameters_json_schema": SCHEMA,
    }
    assert gemini.tools([]) == []


def test_a_declaration_does_not_share_the_tools_schema() -> None:
    declared = gemini.tools(TOOLS)[0]["function_declarations"][0]["parameters_json_schema"]
    declared["properties"].clear()
    assert TOOLS[0].input_schema["properties"]


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ((), {"mode": "AUTO"}),
        (("NONE",), {"mode": "NONE"}),
        (("ANY", ["look"]), {"mode": "ANY", "allowed_function_names": ["look"]}),
    ],
)
def test_the_tool_config_says_what_may_be_called(given: Any, config: dict[str, Any]) -> None:
    assert gemini.tool_config(*given) == {"function_calling_config": config}


@pytest.mark.parametrize("given", [("auto",), ("AUTO", ["look"]), ("SOMETIMES",)])
def test_a_tool_config_that_the_api_refuses_is_refused(given: Any) -> None:
    with pytest.raises(UserError):
        gemini.tool_config(*given)


@pytest.mark.parametrize("item", [INNER, {"functionCall": INNER}, {"function_call": INNER}])
def test_a_call_is_read_in_every_spelling(item: Any) -> None:
    assert gemini.matches(item)
    assert gemini.call(item) == CALL


@pytest.mark.parametrize(
    "item",
    [
        {"functionCall": {"args": {}}},
        {"functionCall": {**INNER, "will_continue": True}},
        {"function_call": {"name": "look", "args": None, "partial_args": [{"json_path": "$.a"}]}},
    ],
)
def test_a_call_that_is_not_whole_is_refused(item: Any) -> None:
    with pytest.raises(UserError):
        gemini.call(item)


def test_arguments_under_openais_name_are_not_lost() -> None:
    item = {"function_call": {"name": "look", "arguments": '{"point": {"x": 1}}'}}
    assert gemini.call(item).arguments == CALL.arguments


@pytest.mark.parametrize(
    ("asked", "outer", "id"),
    [
        (None, "functionResponse", {}),
        ({"functionCall": {"name": "look"}}, "functionResponse", {}),
        ({"function_call": INNER}, "function_response", {"id": "call_1"}),
        (INNER, "functionResponse", {"id": "call_1"}),
    ],
)
def test_an_answer_is_spelled_like_the_call(asked: Any, outer: str, id: dict[str, str]) -> None:
    answer = {"name": "look", "response": {"result": "a cat"}}
    assert gemini.result(CALL, SAW, asked=asked) == {outer: {**id, **answer}}


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ({"functionCall": INNER}, {"inlineData": {"mimeType": "image/png", "data": "aGVsbG8="}}),
        ({"function_call": INNER}, {"inline_data": {"mime_type": "image/png", "data": "aGVsbG8="}}),
    ],
)
def test_images_are_parts_of_the_response(asked: Any, part: dict[str, Any]) -> None:
    (response,) = gemini.result(CALL, SAW_IMAGES, asked=asked).values()
    assert response["parts"] == [part]
    assert response["response"]["result"].startswith("a cat")


def test_a_failure_is_an_error() -> None:
    response = gemini.result(CALL, FAILED)["functionResponse"]["response"]
    assert response == {"error": "too dark\n[image: image/png, 5 bytes]"}

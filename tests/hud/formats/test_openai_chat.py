from __future__ import annotations

from typing import Any

import mcp_types
import pytest

from hud.errors import UserError
from hud.formats import openai_chat
from tests.hud.formats.offered import CALL, FAILED, SAW, SAW_IMAGES, SCHEMA, TOOLS


def test_tools_are_functions_with_their_whole_schema() -> None:
    look, wait = openai_chat.tools(TOOLS)
    assert look == {
        "type": "function",
        "function": {"name": "look", "description": "Look there.", "parameters": SCHEMA},
    }
    assert wait["function"]["parameters"] == {"type": "object", "properties": {}}


def test_strict_tools_say_so() -> None:
    (wait,) = openai_chat.tools(TOOLS[1:], strict=True)
    assert wait["function"]["strict"] is True
    assert wait["function"]["parameters"]["additionalProperties"] is False


@pytest.mark.parametrize(
    "member",
    [
        {"type": "array"},
        {"type": ["array", "null"]},
        {"type": "array", "prefixItems": [{"type": "string"}], "maxItems": 1},
    ],
)
def test_arrays_of_anything_say_that_their_items_are_anything(member: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"x": {"anyOf": [member]}}}
    (tool,) = openai_chat.tools([mcp_types.Tool(name="t", input_schema=schema)])
    sent = tool["function"]["parameters"]["properties"]["x"]["anyOf"][0]
    assert sent == {**member, "items": {}}


@pytest.mark.parametrize("arguments", ['{"point": {"x": 1}}', {"point": {"x": 1}}])
def test_a_call_is_read(arguments: Any) -> None:
    item = {"id": "call_1", "function": {"name": "look", "arguments": arguments}}
    assert openai_chat.call(item) == CALL


@pytest.mark.parametrize("item", [{}, {"function": None}, {"function": {"name": "look"}}])
def test_what_lacks_a_part_is_no_call(item: Any) -> None:
    with pytest.raises(UserError):
        openai_chat.call(item)


def test_a_result_is_a_tool_message_with_notes_for_its_images() -> None:
    message = openai_chat.result(CALL, SAW_IMAGES)
    assert (message["role"], message["tool_call_id"]) == ("tool", "call_1")
    assert message["content"] == (
        "a cat\n[image: image/png, 5 bytes]\n[image: image/svg+xml, 5 bytes]"
    )


def test_a_failure_says_so() -> None:
    assert openai_chat.result(CALL, FAILED)["content"].startswith("Error: too dark")


def test_images_follow_in_a_message_of_the_user() -> None:
    message = openai_chat.images_message([(CALL, SAW), (CALL, SAW_IMAGES)])
    assert message is not None
    assert message["role"] == "user"
    assert message["content"] == [
        {"type": "text", "text": "Returned by the tool `look` (call_1):"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}},
    ]


def test_without_images_no_message_follows() -> None:
    assert openai_chat.images_message([(CALL, SAW)]) is None

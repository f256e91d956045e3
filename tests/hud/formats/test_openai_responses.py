from __future__ import annotations

from typing import Any

import pytest

from hud.errors import UserError
from hud.formats import openai_responses
from tests.hud.formats.offered import CALL, FAILED, SAW, SAW_IMAGES, SCHEMA, TOOLS


def test_tools_are_flat_and_always_say_whether_they_are_strict() -> None:
    look, _ = openai_responses.tools(TOOLS)
    assert look == {
        "type": "function",
        "name": "look",
        "description": "Look there.",
        "parameters": SCHEMA,
        "strict": False,
    }
    assert openai_responses.tools(TOOLS[1:], strict=True)[0]["strict"] is True


def test_a_call_is_read_with_the_id_that_answers_refer_to() -> None:
    item = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "look",
        "arguments": '{"point": {"x": 1}}',
    }
    assert openai_responses.call(item) == CALL


@pytest.mark.parametrize("missing", ["name", "arguments", "call_id"])
def test_what_lacks_a_part_is_no_call(missing: str) -> None:
    item: dict[str, Any] = {"name": "look", "arguments": "{}", "call_id": "call_1"}
    with pytest.raises(UserError):
        openai_responses.call({key: item[key] for key in item if key != missing})


def test_a_result_without_images_is_text() -> None:
    assert openai_responses.result(CALL, SAW) == {
        "type": "function_call_output",
        "call_id": "call_1",
        "output": "a cat",
    }


def test_a_result_with_images_is_a_list_of_parts() -> None:
    assert openai_responses.result(CALL, SAW_IMAGES)["output"] == [
        {"type": "input_text", "text": "a cat"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGVsbG8=", "detail": "auto"},
        {"type": "input_text", "text": "[image: image/svg+xml, 5 bytes]"},
    ]


def test_a_failure_is_text_that_says_so() -> None:
    output = openai_responses.result(CALL, FAILED)["output"]
    assert output == "Error: too dark\n[image: image/png, 5 bytes]"

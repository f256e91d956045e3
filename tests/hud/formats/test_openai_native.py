"""OpenAI's items that ask its own tools, and those that answer."""

from __future__ import annotations

from typing import Any

import mcp_types
import pytest
from openai.types.responses import (
    ResponseApplyPatchToolCall,
    ResponseComputerToolCall,
    ResponseFunctionShellToolCall,
)
from pydantic import BaseModel

from hud.errors import UserError
from hud.formats import openai_native
from hud.formats.openai_native import BLANK, NativeCall
from hud.types import MCPToolResult

CLICK = {"type": "click", "button": "left", "x": 1, "y": 2}
PATCH = {"type": "create_file", "path": "a", "diff": "+a"}
PNG = mcp_types.ImageContent(data="aGk=", mime_type="image/png")

ASKED = [
    (
        ResponseFunctionShellToolCall,
        {"type": "shell_call", "action": {"commands": ["ls"], "timeout_ms": None}},
        ("shell", {"commands": ["ls"]}),
    ),
    (
        ResponseApplyPatchToolCall,
        {"type": "apply_patch_call", "operation": PATCH},
        ("apply_patch", PATCH),
    ),
    (
        ResponseComputerToolCall,
        {"type": "computer_call", "pending_safety_checks": [], "action": CLICK},
        ("computer", {"actions": [CLICK]}),
    ),
    (
        ResponseComputerToolCall,
        {"type": "computer_call", "pending_safety_checks": [], "actions": [CLICK]},
        ("computer", {"actions": [CLICK]}),
    ),
]


@pytest.mark.parametrize(("model", "item", "meant"), ASKED)
def test_an_item_that_asks_is_a_call_with_the_tools_arguments(
    model: type[BaseModel], item: dict[str, Any], meant: tuple[str, dict[str, Any]]
) -> None:
    whole = {"id": "i", "call_id": "c", "status": "completed"} | item
    for form in (whole, model.model_validate(whole).model_dump(exclude_unset=True)):
        assert openai_native.matches(form)
        call = openai_native.call(form, {})
        assert (call.name, call.arguments, call.id) == (*meant, "c")


def test_an_item_goes_back_without_what_only_answers_hold() -> None:
    item = {"type": "shell_call", "call_id": "c", "created_by": "model", "environment": None}
    assert openai_native.returnable(item) == {"type": "shell_call", "call_id": "c"}


def test_an_item_without_its_action_is_refused() -> None:
    with pytest.raises(UserError, match="has no `action`"):
        openai_native.call({"type": "shell_call", "call_id": "c"}, {})


def call(kind: str, **options: Any) -> NativeCall:
    return NativeCall(id="c", name="x", kind=kind, **options)


def said(text: str, *, is_error: bool = False) -> MCPToolResult:
    return MCPToolResult(content=[mcp_types.TextContent(text=text)], is_error=is_error)


def test_a_shell_that_says_only_text_is_answered_as_a_command_that_ended() -> None:
    (answer,) = openai_native.result(call("shell_call", max_output_length=9), said("hi"))
    outcome = {"type": "exit", "exit_code": 0}
    assert answer["output"] == [{"stdout": "hi", "stderr": "", "outcome": outcome}]
    assert answer["max_output_length"] == 9
    (failed,) = openai_native.result(call("shell_call"), said("no", is_error=True))
    assert failed["output"][0]["stderr"] == "Error: no"
    assert failed["output"][0]["outcome"]["exit_code"] == 1


def test_a_patch_tool_that_fails_has_failed() -> None:
    (answer,) = openai_native.result(call("apply_patch_call"), said("no", is_error=True))
    assert answer == {
        **{"type": "apply_patch_call_output", "call_id": "c"},
        **{"status": "failed", "output": "no"},
    }


def test_a_screen_is_answered_with_its_newest_picture_and_what_was_said() -> None:
    returned = MCPToolResult(content=[*said("moved").content, PNG])
    answer, message = openai_native.result(call("computer_call"), returned)
    assert answer["output"]["image_url"] == "data:image/png;base64,aGk="
    assert "acknowledged_safety_checks" not in answer
    assert message["content"] == [{"type": "input_text", "text": "moved"}]


def test_without_a_picture_the_answer_has_a_blank_one() -> None:
    (answer,) = openai_native.result(call("computer_call"), MCPToolResult(content=[]))
    assert answer["output"]["image_url"].endswith(BLANK)

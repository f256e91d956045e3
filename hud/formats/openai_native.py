"""OpenAI's own tools of the Responses API: shell, patches and the computer, both ways.

Each kind has an item of its own that asks, and one that answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from hud.formats import content
from hud.formats.fields import fields, required
from hud.formats.native import NativeTool
from hud.types import MCPToolCall, MCPToolResult

COMPUTERS = ("computer", "computer_use_preview")
KINDS: dict[str, tuple[str, ...]] = {
    "shell_call": ("shell",),
    "apply_patch_call": ("apply_patch",),
    "computer_call": COMPUTERS,
}
"""Types of the items that ask, and the types of the tools that they ask."""
SCREENSHOT: dict[str, Any] = {"actions": [{"type": "screenshot"}]}
"""Arguments that look at the screen."""
BLANK = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5Erk"
    "Jggg=="
)
"""A PNG of one pixel: the API takes no answer without a picture."""


class NativeCall(MCPToolCall):
    """A call of one of OpenAI's own tools, with what its answer has to repeat."""

    kind: str
    """The type of the item that asked."""
    safety_checks: list[dict[str, Any]] = Field(default_factory=list)
    """What the provider wants to be acknowledged before the computer goes on."""
    max_output_length: int | None = None
    """How much of a shell's output the model asked for."""


def tool(native: NativeTool, *, environment: str = "linux") -> dict[str, Any]:
    """The definition for the `tools` of a request; `environment` is what the computer runs."""
    kind, extra = native.spec.api_type, native.spec.extra
    if kind == "computer":
        # This one takes no size: the model reads it off the screenshots.
        extra = {name: value for name, value in extra.items() if not name.startswith("display_")}
    if kind == "computer_use_preview":
        extra = {"environment": environment, **extra}
    if kind == "shell":
        extra = {"environment": {"type": "local"}, **extra}
    return {"type": kind, **extra}


def matches(item: Mapping[str, Any]) -> bool:
    """Whether an item asks one of these tools."""
    return item.get("type") in KINDS


def returnable(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item that asks, as the API takes it back: without nulls and what only answers may hold."""
    return {name: part for name, part in item.items() if part is not None and name != "created_by"}


def call(item: Any, natives: Mapping[str, NativeTool]) -> NativeCall:
    """Read an item that asks; `natives` are the tools that were offered, by name.

    Raises:
        UserError: a field of it is missing.
    """
    found = fields(item)
    kind = found["type"]
    types = KINDS[kind]
    name = next(
        (name for name, native in natives.items() if native.spec.api_type in types), types[0]
    )
    return NativeCall(
        id=required(found, "call_id"),
        name=name,
        arguments=ARGUMENTS[kind](found),
        kind=kind,
        safety_checks=found.get("pending_safety_checks") or [],
        max_output_length=fields(found.get("action")).get("max_output_length"),
    )


def result(call: NativeCall, returned: MCPToolResult) -> list[dict[str, Any]]:
    """The items that answer: one of the call's kind, and a message where that has no place for
    text.
    """
    return RESULTS[call.kind](call, returned)


def _shell_arguments(item: Mapping[str, Any]) -> dict[str, Any]:
    action = fields(required(item, "action"))
    asked = {name: action.get(name) for name in ("commands", "timeout_ms", "max_output_length")}
    return {name: value for name, value in asked.items() if value is not None}


def _patch_arguments(item: Mapping[str, Any]) -> dict[str, Any]:
    operation = fields(required(item, "operation"))
    asked = {name: operation.get(name) for name in ("type", "path", "diff")}
    return {name: value for name, value in asked.items() if value is not None}


def _computer_arguments(item: Mapping[str, Any]) -> dict[str, Any]:
    actions = item.get("actions") or [required(item, "action")]
    return {"actions": [fields(action) for action in actions]}


ARGUMENTS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "shell_call": _shell_arguments,
    "apply_patch_call": _patch_arguments,
    "computer_call": _computer_arguments,
}


def _shell_result(call: NativeCall, returned: MCPToolResult) -> list[dict[str, Any]]:
    structured = returned.structured_content
    output = structured.get("output") if isinstance(structured, dict) else None
    if not isinstance(output, list):
        text = content.flagged_text(returned)
        outcome = {"type": "exit", "exit_code": 1 if returned.is_error else 0}
        streams = (
            {"stdout": "", "stderr": text} if returned.is_error else {"stdout": text, "stderr": ""}
        )
        output = [{**streams, "outcome": outcome}]
    limit = call.max_output_length
    limited = {} if limit is None else {"max_output_length": limit}
    return [{"type": "shell_call_output", "call_id": call.id, "output": output, **limited}]


def _patch_result(call: NativeCall, returned: MCPToolResult) -> list[dict[str, Any]]:
    structured = returned.structured_content
    told = structured if isinstance(structured, dict) else {}
    status = told.get("status", "completed")
    answer = {"status": "failed" if returned.is_error else status}
    answer["output"] = told.get("output") or content.text(returned)
    return [{"type": "apply_patch_call_output", "call_id": call.id, **answer}]


def _computer_result(call: NativeCall, returned: MCPToolResult) -> list[dict[str, Any]]:
    images = content.images(returned)
    url = content.data_url(images[-1]) if images else f"data:image/png;base64,{BLANK}"
    answer: dict[str, Any] = {
        "type": "computer_call_output",
        "call_id": call.id,
        "output": {"type": "computer_screenshot", "image_url": url},
    }
    if call.safety_checks:
        answer["acknowledged_safety_checks"] = call.safety_checks
    said = content.flagged_text(_without_images(returned)).strip()
    if not said:
        return [answer]
    return [answer, {"role": "user", "content": [{"type": "input_text", "text": said}]}]


def _without_images(returned: MCPToolResult) -> MCPToolResult:
    texts = [block for block in returned.content if block.type != "image"]
    return returned.model_copy(update={"content": texts})


RESULTS: dict[str, Callable[[NativeCall, MCPToolResult], list[dict[str, Any]]]] = {
    "shell_call": _shell_result,
    "apply_patch_call": _patch_result,
    "computer_call": _computer_result,
}

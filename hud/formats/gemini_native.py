"""Gemini's computer use by the Gemini API: functions that the model knows by itself, both ways.

The model's coordinates go from 0 to 999, whatever the screen's size; the tool's are pixels.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from hud.formats import content, gemini
from hud.formats.native import NativeTool
from hud.types import MCPToolCall, MCPToolResult

FUNCTIONS = frozenset(
    {
        *("open_web_browser", "wait_5_seconds", "go_back", "go_forward", "search", "navigate"),
        *("click_at", "hover_at", "type_text_at", "scroll_document", "scroll_at"),
        *("key_combination", "drag_and_drop"),
    }
)
"""What the model can do with a browser without being told."""
SPACE = 1000
ACROSS = ("x", "destination_x")
DOWN = ("y", "destination_y")
URL = "__URL__:"
"""What the computer tool puts before a page's address."""


class ComputerCall(MCPToolCall):
    """A call of the computer, with what its answer has to repeat."""

    function: str
    """The function that the model called."""
    call_id: str | None = None
    safety: dict[str, Any] | None = None
    """What the provider wants to be confirmed before the computer goes on."""


def tool(excluded: Iterable[str]) -> dict[str, Any]:
    """The definition for the `tools` of a request, without the functions that are `excluded`."""
    left_out = sorted(set(excluded) & FUNCTIONS)
    options = {"excludedPredefinedFunctions": left_out} if left_out else {}
    return {"computerUse": {"environment": "ENVIRONMENT_BROWSER", **options}}


def call(
    part: Mapping[str, Any], native: NativeTool | None, declared: Container[str] = ()
) -> MCPToolCall:
    """Read a part that calls a function; one of the model's own is a call of `native`.

    `declared` are the functions that it was told of; theirs are the names that both have.

    Raises:
        UserError: the call cannot be read.
    """
    asked = gemini.call(part)
    if native is None or asked.name in declared or asked.name not in FUNCTIONS:
        return asked
    arguments = dict(asked.arguments)
    safety = arguments.pop("safety_decision", None)
    return ComputerCall(
        id=asked.id,
        name=native.tool.name,
        arguments={"action": asked.name, **_in_pixels(arguments, native)},
        function=asked.name,
        call_id=part["functionCall"].get("id"),
        safety=safety if isinstance(safety, dict) else None,
    )


def result(call: ComputerCall, returned: MCPToolResult) -> dict[str, Any]:
    """The part that answers: the page's address, what was said, and the screenshot."""
    lines = content.text(_without_images(returned)).splitlines()
    urls = [line.removeprefix(URL) for line in lines if line.startswith(URL)]
    said = "\n".join(line for line in lines if not line.startswith(URL)).strip()
    response: dict[str, Any] = {"url": urls[-1] if urls else "about:blank"}
    if said:
        response["error" if returned.is_error else "output"] = said
    if call.safety is not None:
        response["safety_acknowledgement"] = "true"
    answer: dict[str, Any] = {"name": call.function, "response": response}
    if call.call_id:
        answer["id"] = call.call_id
    images = content.images(returned, gemini.IMAGES)
    if images:
        answer["parts"] = [
            {"inlineData": {"mimeType": image.mime_type, "data": image.data}} for image in images
        ]
    return {"functionResponse": answer}


def _in_pixels(arguments: Mapping[str, Any], native: NativeTool) -> dict[str, Any]:
    resolution = (native.tool.meta or {}).get("resolution") or {}
    space = resolution.get("coordinate_space")
    width, height = (space or resolution.get(side) or SPACE for side in ("width", "height"))
    scaled = dict(arguments)
    for names, pixels in ((ACROSS, width), (DOWN, height)):
        scaled |= {name: _scaled(arguments[name], pixels) for name in names if name in arguments}
    if "magnitude" in arguments:
        along = width if arguments.get("direction") in ("left", "right") else height
        scaled["magnitude"] = _scaled(arguments["magnitude"], along)
    return scaled


def _scaled(value: Any, pixels: int) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return round(value * pixels / SPACE) if is_number else value


def _without_images(returned: MCPToolResult) -> MCPToolResult:
    texts = [block for block in returned.content if block.type != "image"]
    return returned.model_copy(update={"content": texts})

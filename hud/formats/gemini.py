"""Tools, calls and results of Gemini, in the spelling of its API (camelCase) and of its SDK."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import mcp_types
from mcp_types import ImageContent

from hud.errors import UserError
from hud.formats import content
from hud.formats.fields import fields, make_call
from hud.types import MCPToolCall, MCPToolResult

Casing = Literal["camel", "snake"]

MODES = ("AUTO", "ANY", "NONE", "VALIDATED")
RESTRICTABLE = ("ANY", "VALIDATED")
"""Modes that may be restricted to some of the functions."""
IMAGES = frozenset({"image/png", "image/jpeg", "image/webp"})
"""Image types that a function's response may hold."""
SPELLINGS: dict[Casing, dict[str, str]] = {
    "camel": {"response": "functionResponse", "inline": "inlineData", "mime": "mimeType"},
    "snake": {"response": "function_response", "inline": "inline_data", "mime": "mime_type"},
}


def tools(offered: Sequence[mcp_types.Tool]) -> list[dict[str, Any]]:
    """Definitions for the `tools` of a request: one tool with all functions, if there are any."""
    declarations = [_declaration(tool) for tool in offered]
    return [{"function_declarations": declarations}] if declarations else []


def tool_config(mode: str = "AUTO", allowed_tools: Sequence[str] | None = None) -> dict[str, Any]:
    """The `tool_config` of a request.

    `allowed_tools` names the only functions that may be called, in the modes ANY and VALIDATED.

    Raises:
        UserError: there is no such mode, or it does not go with `allowed_tools`.
    """
    if mode not in MODES:
        hint = f"choose one of {', '.join(MODES)}"
        raise UserError(f"{mode!r} is no function calling mode of Gemini", hint=hint)
    if allowed_tools is not None and mode not in RESTRICTABLE:
        hint = f"use {' or '.join(RESTRICTABLE)}"
        raise UserError(f"Gemini's mode {mode} takes no `allowed_tools`", hint=hint)
    allowed = {} if allowed_tools is None else {"allowed_function_names": list(allowed_tools)}
    return {"function_calling_config": {"mode": mode, **allowed}}


def matches(item: Mapping[str, Any]) -> bool:
    """Whether these are the fields of a function call, or of a part that holds one."""
    if item.get("functionCall") is not None or item.get("function_call") is not None:
        return True
    return "args" in item and "name" in item and item.get("type") is None


def call(item: Any) -> MCPToolCall:
    """Read a function call, or a part that holds one (a dict or the SDK's object).

    Raises:
        UserError: it is no function call, or not all of its arguments have arrived yet.
        UnreadableArguments: its arguments are not an object.
    """
    item = _function_call(fields(item))
    if item.get("will_continue") or item.get("partial_args"):
        name = item.get("name")
        raise UserError(f"the call of the tool `{name}` is incomplete: it is still being streamed")
    arguments = item["args"] if item.get("args") is not None else item.get("arguments")
    return make_call(item.get("name"), arguments, item.get("id"))


def result(call: MCPToolCall, returned: MCPToolResult, *, asked: Any = None) -> dict[str, Any]:
    """The part that answers a call: a `result` or an `error` as text, and the images beside it.

    `asked` is the call as it came: the answer has its spelling (the SDK's for an SDK's object) and
    its id, if it has one. Without it the answer has the API's spelling.
    """
    spelled = SPELLINGS[_casing(asked)]
    failed = returned.is_error
    answer = (
        {"error": content.error_text(returned)} if failed else {"result": content.text(returned)}
    )
    call_id = _function_call(fields(asked)).get("id")
    response = {**({"id": call_id} if call_id else {}), "name": call.name, "response": answer}
    images = content.images(returned, IMAGES)
    if images:
        response["parts"] = [_inline(image, spelled) for image in images]
    return {spelled["response"]: response}


def _casing(asked: Any) -> Casing:
    if asked is None or (isinstance(asked, Mapping) and "function_call" not in asked):
        return "camel"
    return "snake"


def _function_call(part: Mapping[str, Any]) -> dict[str, Any]:
    return fields(part.get("functionCall") or part.get("function_call") or part)


def _declaration(tool: mcp_types.Tool) -> dict[str, Any]:
    # `parameters` takes a part of OpenAPI, without `$ref`; this field takes JSON Schema as it is.
    return {
        "name": tool.name,
        "description": tool.description or "",
        "parameters_json_schema": copy.deepcopy(tool.input_schema),
    }


def _inline(image: ImageContent, spelled: Mapping[str, str]) -> dict[str, Any]:
    return {spelled["inline"]: {spelled["mime"]: image.mime_type, "data": image.data}}

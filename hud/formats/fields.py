"""Reading a tool call out of a dict or an SDK's object: its fields, its name, its arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import BaseModel

from hud.errors import ToolError, UserError
from hud.types import MCPToolCall


class UnreadableArguments(ToolError):
    """A call names its tool, but its arguments cannot be read.

    `call` has the name and the id, and no arguments, so that the call can still be answered.
    """

    def __init__(self, message: str, call: MCPToolCall) -> None:
        super().__init__(message)
        self.call = call


def fields(item: Any) -> dict[str, Any]:
    """The fields of a dict or of an SDK's object, one level deep; empty where there are none."""
    if isinstance(item, Mapping | BaseModel):
        return dict(item)
    return dict(vars(item)) if hasattr(item, "__dict__") else {}


def required(item: Mapping[str, Any], key: str) -> Any:
    """The field `key` of a call.

    Raises:
        UserError: the call lacks the field.
    """
    if key not in item:
        name = item.get("name", "?")
        raise UserError(f"the call of the tool `{name}` has no `{key}`: {dict(item)!r}")
    return item[key]


def make_call(name: Any, arguments: Any, call_id: Any = None) -> MCPToolCall:
    """A call with its arguments read from a mapping, or from JSON text of an object.

    None and blank text are no arguments: models write them for tools that take none.

    Raises:
        UserError: there is no tool name.
        UnreadableArguments: the arguments are not JSON, or not an object.
    """
    if not isinstance(name, str) or not name:
        raise UserError(f"a tool call has no tool name, but {name!r}")
    stub = MCPToolCall(name=name, id=str(call_id)) if call_id else MCPToolCall(name=name)
    try:
        return stub.model_copy(update={"arguments": _read_arguments(arguments)})
    except ValueError as exc:
        raise UnreadableArguments(f"the arguments of the tool `{name}` {exc}", stub) from exc


def _read_arguments(raw: Any) -> dict[str, Any]:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return {}
    value = _decode(raw) if isinstance(raw, str) else raw
    if not isinstance(value, Mapping):
        raise ValueError(f"are {_clipped(raw)}, which is not an object")
    unnamed = [key for key in value if not isinstance(key, str)]
    if unnamed:
        raise ValueError(f"have a name that is not a text: {unnamed[0]!r}")
    return dict(value)


def _decode(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"are not JSON ({exc}): {_clipped(text)}") from exc


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _clipped(value: Any, length: int = 200) -> str:
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}…"

"""Tool calls in the forms that v4 took."""

from __future__ import annotations

import json
from typing import Any

from hud.types import MCPToolCall

ToolCalls = MCPToolCall | list[MCPToolCall] | None

CALL_KEYS = frozenset({"name", "arguments", "id", "_meta"})


def read_call(value: Any) -> MCPToolCall:
    """A tool call of v4: `{"name": …, "arguments": {…}}`, or short `{name: arguments}`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, MCPToolCall):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is no tool call")
    if not isinstance(value.get("name"), str):
        return _short_call(value)
    unknown = sorted(value.keys() - CALL_KEYS)
    if unknown:
        what = f"the call of `{value['name']}` has an unknown key {unknown[0]!r}"
        raise ValueError(f"{what}; what the tool takes belongs in `arguments`")
    return MCPToolCall.model_validate(value)


def _short_call(value: dict[str, Any]) -> MCPToolCall:
    if len(value) != 1:
        what = "a tool call has a `name` and `arguments`, or one key that names the tool"
        raise ValueError(f"{what}; this one has {sorted(value)}")
    name, arguments = next(iter(value.items()))
    return MCPToolCall(name=name, arguments=arguments)


def listed(calls: ToolCalls) -> list[MCPToolCall]:
    """One call, several or none as a list."""
    if calls is None:
        return []
    return calls if isinstance(calls, list) else [calls]


def to_json(calls: ToolCalls) -> list[dict[str, Any]]:
    """Calls as JSON data, without the ids that were made up for them."""
    return [{"name": call.name, "arguments": call.arguments} for call in listed(calls)]


def from_json(value: Any) -> Any:
    """What a JSON text says; any other value as it is.

    Raises:
        ValueError: a text that is not JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as exc:
        raise ValueError(f"{value[:40]!r} is not JSON: {exc}") from exc

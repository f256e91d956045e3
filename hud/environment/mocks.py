"""Mock mode: tool calls are answered without running the tools, and written down."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types

from hud.environment.registry import WRAP_MARK, to_result
from hud.types import MCPToolResult

SAMPLES: dict[str, Any] = {
    "string": "mock",
    "integer": 0,
    "number": 0.0,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}


@dataclass(frozen=True)
class MockCall:
    """One call that was answered by a mock."""

    name: str
    arguments: dict[str, Any]
    output: Any


@dataclass
class Mocks:
    """Whether mocks answer, what they answer, and what they were asked."""

    active: bool = False
    outputs: dict[str, Any] = field(default_factory=dict)
    """Output by tool name; a callable is called with the arguments."""
    calls: list[MockCall] = field(default_factory=list)
    """Every call since mocking was switched on, in order."""

    async def answer(self, tool: mcp_types.Tool, arguments: Mapping[str, Any]) -> MCPToolResult:
        """Record a call and answer it: with the output that was set, else a sample of the schema.

        What a callable output raises passes through, as the tool's own failure would.
        """
        output = (
            self.outputs[tool.name] if tool.name in self.outputs else sample(tool.output_schema)
        )
        value = output(**arguments) if callable(output) else output
        if inspect.isawaitable(value):
            value = await value
        self.calls.append(MockCall(tool.name, dict(arguments), value))
        return to_result(value, wrap=bool((tool.output_schema or {}).get(WRAP_MARK)))


def sample(schema: Mapping[str, Any] | None) -> Any:
    """A small value that fits a tool's output schema; a plain text where there is none."""
    if not schema:
        return "mock_success"
    value = _sample(schema, schema.get("$defs", {}))
    return value["result"] if schema.get(WRAP_MARK) else value


def _sample(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        # Without the definition, a type that holds itself ends here.
        inside = {key: value for key, value in definitions.items() if key != name}
        return _sample(definitions.get(name, {"type": "null"}), inside)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        return _sample(branch, definitions)
    kind = schema.get("type", "string")
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _sample(field, definitions) for name, field in properties.items()}
    return SAMPLES.get(kind if isinstance(kind, str) else kind[0])

"""One tool for many functions: it takes `name` and `arguments`, as hubs and hidden routers do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types

from hud.environment.foreign import EnvironmentTool
from hud.errors import ToolError, did_you_mean
from hud.types import MCPToolResult


@dataclass
class Dispatcher:
    """The tool; its definition tells the functions that there are when it is listed."""

    name: str
    functions: dict[str, EnvironmentTool]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def definition(self) -> mcp_types.Tool:
        """What clients see."""
        return mcp_types.Tool(
            name=self.name,
            title=self.options.get("title") or f"{self.name.title()} Dispatcher",
            description=self._description(),
            input_schema=self._schema(),
            _meta=self.options.get("meta"),
        )

    def renamed(self, name: str) -> Dispatcher:
        """The same tool under another name."""
        return Dispatcher(name, self.functions, self.options)

    async def run(self, arguments: Mapping[str, Any], context: Any = None) -> MCPToolResult:
        """Call the function that `arguments["name"]` names.

        Raises:
            ToolError: there is none, or its arguments are no object.
            ArgumentError: they do not fit the function.
        """
        if arguments.get("name") is None:
            raise ToolError(f"`{self.name}`: argument 'name' is missing")
        name = str(arguments["name"])
        if name not in self.functions:
            known = did_you_mean(name, self.functions)
            message = f"`{self.name}` has no function `{name}`" + (f": {known}" if known else "")
            raise ToolError(message)
        return await self.functions[name].run(_object(arguments.get("arguments")), context)

    def _description(self) -> str:
        purpose = self.options.get("description") or f"Call one of the functions of `{self.name}`."
        lines = [_line(tool.definition) for tool in self.functions.values()]
        return "\n".join([purpose, *lines])

    def _schema(self) -> dict[str, Any]:
        names: dict[str, Any] = {"type": "string", "description": "Which function to call"}
        if self.functions:
            names["enum"] = list(self.functions)
        given = {
            "anyOf": [{"type": "object"}, {"type": "string"}, {"type": "null"}],
            "description": "Its arguments, by name; JSON text works too",
            "default": None,
        }
        properties = {"name": names, "arguments": given}
        return {"type": "object", "properties": properties, "required": ["name"]}


def _line(definition: mcp_types.Tool) -> str:
    schema = definition.input_schema
    required = schema.get("required", ())
    arguments = ", ".join(
        name if name in required else f"{name} (optional)" for name in schema.get("properties", {})
    )
    about = f": {definition.description}" if definition.description else ""
    return f"- {definition.name}({arguments}){about}"


def _object(given: Any) -> dict[str, Any]:
    if given is None or given == "":
        return {}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as exc:
            raise ToolError(f"the arguments are not JSON: {exc}") from exc
    if not isinstance(given, dict):
        raise ToolError(f"the arguments are {given!r}, not an object")
    return given

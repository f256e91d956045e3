"""Tool objects of other libraries as tools of an environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol, TypeGuard

import mcp_types

from hud.environment.arguments import ArgumentError
from hud.environment.registry import FunctionTool, call, to_result
from hud.errors import ToolError
from hud.types import MCPToolResult, ToolDeclaration


@dataclass(frozen=True)
class ForeignTool:
    """A tool whose definition and call come from elsewhere."""

    definition: mcp_types.Tool
    invoke: Callable[[dict[str, Any]], Awaitable[Any]]

    @property
    def name(self) -> str:
        return self.definition.name

    async def run(self, arguments: Mapping[str, Any], context: Any = None) -> MCPToolResult:
        """Call the tool; its library validates the arguments."""
        return to_result(await self.invoke(dict(arguments)))

    def renamed(self, name: str) -> ForeignTool:
        """The same tool under another name."""
        return replace(self, definition=self.definition.model_copy(update={"name": name}))


class EnvironmentTool(Protocol):
    """A tool as an environment keeps it."""

    @property
    def name(self) -> str:
        """What clients call."""

    @property
    def definition(self) -> mcp_types.Tool:
        """What clients see."""

    async def run(self, arguments: Mapping[str, Any], context: Any = None) -> MCPToolResult:
        """Call the tool; what it raises passes through."""

    def renamed(self, name: str) -> EnvironmentTool:
        """The same tool under another name."""


def as_tool(tool: Any, **options: Any) -> EnvironmentTool:
    """A function, a `BaseTool` or a FastMCP tool as a tool of an environment.

    An object with a `.mcp` stands for the `ToolDeclaration`, or the tool, that this is.

    Raises:
        TypeError: it is none of these.
    """
    made = _made_tool(tool) or _made_tool(_offered(tool))
    if made is not None:
        name = options.get("name")
        return made.renamed(name) if name else made
    if callable(tool):
        return FunctionTool(tool, **options)
    raise TypeError(f"{tool!r} is no tool: it is not callable and has no `.mcp`")


def _offered(tool: Any) -> Any:
    """What an object's `.mcp` is. What a property of its class raises passes through."""
    return tool.mcp if hasattr(type(tool), "mcp") else getattr(tool, "mcp", None)


def _made_tool(tool: Any) -> EnvironmentTool | None:
    if _is_made(tool):
        return tool
    if isinstance(tool, ToolDeclaration):
        return _declared(tool)
    if hasattr(tool, "to_mcp_tool") and hasattr(tool, "run"):
        return _from_fastmcp(tool)
    return None


def _declared(tool: ToolDeclaration) -> EnvironmentTool:
    told: dict[str, Any] = {"title": tool.title, "description": tool.description}
    if tool.parameters is None:
        return FunctionTool(tool.function, tool.name, meta=tool.meta, **told)
    schema = tool.parameters
    definition = mcp_types.Tool(name=tool.name, input_schema=schema, _meta=tool.meta, **told)

    async def invoke(arguments: dict[str, Any]) -> Any:
        _check(arguments, schema, f"tool `{tool.name}`")
        return await call(partial(tool.function, **arguments))

    return ForeignTool(definition, invoke)


def _check(arguments: dict[str, Any], schema: dict[str, Any], what: str) -> None:
    """Raises ArgumentError: arguments do not fit a JSON schema."""
    from jsonschema import validators  # type: ignore[import-untyped]  # noqa: PLC0415 - few tools need it
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    wrong = best_match(validators.validator_for(schema)(schema).iter_errors(arguments))
    if wrong is not None:
        raise ArgumentError(f"{what}: {wrong.message}")


def _is_made(tool: Any) -> TypeGuard[EnvironmentTool]:
    return all(callable(getattr(tool, method, None)) for method in ("run", "renamed"))


def _from_fastmcp(tool: Any) -> ForeignTool:
    definition = mcp_types.Tool.model_validate(tool.to_mcp_tool().model_dump(by_alias=True))

    async def invoke(arguments: dict[str, Any]) -> MCPToolResult:
        result = await tool.run(arguments)
        blocks = [block.model_dump(by_alias=True) for block in result.content]
        return MCPToolResult.model_validate(
            {"content": blocks, "structuredContent": result.structured_content}
        )

    return ForeignTool(definition, invoke)


def from_agents_sdk(tool: Any) -> ForeignTool:
    """A `FunctionTool` of the OpenAI Agents SDK."""
    definition = mcp_types.Tool(
        name=tool.name, description=tool.description, input_schema=tool.params_json_schema
    )

    async def invoke(arguments: dict[str, Any]) -> Any:
        context = SimpleNamespace(
            context=None, tool_name=tool.name, tool_call_id=f"call_{tool.name}", usage=None
        )
        return await tool.on_invoke_tool(context, json.dumps(arguments))

    return ForeignTool(definition, invoke)


def tool_error(message: str) -> ToolError:
    """A tool's failure; where an author has imported the FastMCP library, it is its `ToolError`
    too.
    """
    theirs = getattr(sys.modules.get("fastmcp.exceptions"), "ToolError", None)
    if theirs is None:
        return ToolError(message)
    both: type[ToolError] = type("ToolError", (ToolError, theirs), {"__module__": __name__})
    return both(message)

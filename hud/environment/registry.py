"""A function becomes a tool: its definition for clients, and its result as MCP content."""

from __future__ import annotations

import copy
import inspect
import json
import typing
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import mcp_types
from pydantic import (
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUserError,
    TypeAdapter,
)
from pydantic_core import PydanticSerializationError, to_jsonable_python

from hud.environment.arguments import Arguments
from hud.errors import ToolError, UserError
from hud.types import MCPToolResult

CONTENT_TYPES = (
    mcp_types.TextContent,
    mcp_types.ImageContent,
    mcp_types.AudioContent,
    mcp_types.ResourceLink,
    mcp_types.EmbeddedResource,
)
DERIVED: Any = object()
"""Marks an output schema that is to be derived from the return annotation."""

WRAP_MARK = "x-fastmcp-wrap-result"
"""Tells v5 clients that a plain value was wrapped as `{"result": …}`."""


class FunctionTool:
    """A callable offered as a tool: name, schemas, and a `run` that validates and calls."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        *,
        output_schema: dict[str, Any] | None = DERIVED,
        **options: Any,
    ) -> None:
        """Describe `function` as a tool; nothing is called.

        `options` are `title`, `description`, `annotations` and `meta` of the tool's definition; the
        description defaults to the docstring. `output_schema=None` publishes no schema for results.

        Raises:
            TypeError: its arguments cannot be given by name, or it is a lambda without a name.
        """
        self.function = function
        own_name: str = getattr(function, "__name__", type(function).__name__)
        self.name = name or own_name
        if self.name == "<lambda>":
            raise TypeError("a lambda is no tool without a name: `env.add_tool(function, name=…)`")
        self.arguments = Arguments(function, what=f"tool `{self.name}`")
        self._options = options
        self._output_schema = output_schema

    @cached_property
    def definition(self) -> mcp_types.Tool:
        """What clients see."""
        description = self._options.get("description")
        return mcp_types.Tool(
            name=self.name,
            title=self._options.get("title"),
            description=self.arguments.documentation.description
            if description is None
            else description,
            input_schema=self.arguments.schema,
            output_schema=self.output_schema,
            annotations=self._options.get("annotations"),
            _meta=self._options.get("meta"),
        )

    @cached_property
    def output_schema(self) -> dict[str, Any] | None:
        """Schema of the structured result, or None where results are only content."""
        if self._output_schema is not DERIVED:
            return self._output_schema
        return _output_schema(self.arguments.hints.get("return"))

    def renamed(self, name: str) -> FunctionTool:
        """The same tool under another name."""
        tool = copy.copy(self)
        tool.name = name
        tool.arguments = self.arguments.renamed(f"tool `{name}`")
        tool.__dict__.pop("definition", None)
        return tool

    async def run(self, arguments: Mapping[str, Any], context: Any = None) -> MCPToolResult:
        """Validate, call (a sync function in a thread) and convert the result.

        Raises:
            ArgumentError: the arguments do not fit the schema.
            ToolError: the function refused what it was given; anything else passes through.
        """
        validated = self.arguments.validate(arguments, context)
        try:
            value = await call(partial(self.function, **validated))
        except UserError as exc:
            raise ToolError(exc.message, hint=exc.hint) from exc
        structured = self._output_schema is not None
        return to_result(value, structured=structured, wrap=self._wraps)

    @cached_property
    def _wraps(self) -> bool:
        return bool((self.output_schema or {}).get(WRAP_MARK))


async def call(function: Callable[[], Any]) -> Any:
    """Call `function`: await it if it is async, otherwise run it in a worker thread."""
    import anyio.to_thread  # noqa: PLC0415 - authors' scripts that only declare tools need no event loop

    target = function.func if isinstance(function, partial) else function
    if inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(type(target).__call__):
        return await function()
    value = await anyio.to_thread.run_sync(function, abandon_on_cancel=True)
    return await value if inspect.isawaitable(value) else value


def to_result(value: Any, *, structured: bool = True, wrap: bool = False) -> MCPToolResult:
    """A tool's return value as MCP content.

    Content blocks stay what they are; anything else becomes one text (JSON unless it is a string)
    and structured content: an object as it is, any other value as `{"result": value}`. `wrap` wraps
    objects and blocks too.

    Raises:
        ToolError: the value cannot be written as JSON.
    """
    if isinstance(value, mcp_types.CallToolResult):
        return MCPToolResult.model_validate(value.model_dump(by_alias=True))
    blocks = _content(value)
    if blocks is not None:
        return MCPToolResult(
            content=blocks, structured_content={"result": to_plain(blocks)} if wrap else None
        )
    plain = to_plain(value)
    is_object = isinstance(plain, dict)
    holder = plain if is_object and not wrap else {"result": plain}
    return MCPToolResult(
        content=[]
        if plain is None or plain == []
        else [mcp_types.TextContent(text=to_text(plain))],
        structured_content=holder if structured or is_object else None,
    )


def error_result(message: str) -> MCPToolResult:
    """A failed call."""
    return MCPToolResult(content=[mcp_types.TextContent(text=message)], is_error=True)


def to_text(plain: Any) -> str:
    """JSON data as text; strings stay as they are."""
    return (
        plain
        if isinstance(plain, str)
        else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    )


def to_plain(value: Any) -> Any:
    """A value as JSON data; bytes that are no text become base64.

    Raises:
        ToolError: it cannot be written as JSON.
    """
    try:
        try:
            return to_jsonable_python(value, fallback=_fallback)
        except UnicodeDecodeError:
            return to_jsonable_python(value, fallback=_fallback, bytes_mode="base64")
    except (PydanticSerializationError, ValueError) as exc:
        raise ToolError(f"the result cannot be written as JSON: {exc}") from exc


def _fallback(value: Any) -> Any:
    """Numbers and arrays of numeric libraries have `tolist`; everything else is shown as text."""
    return value.tolist() if hasattr(type(value), "tolist") else str(value)


def _content(value: Any) -> list[mcp_types.ContentBlock] | None:
    """The content blocks that a value is or knows how to become, or None if it is plain data."""
    block = as_block(value)
    if block is not None:
        return [block]
    if hasattr(value, "to_content_blocks"):
        return list(value.to_content_blocks())
    if (
        isinstance(value, list | tuple)
        and value
        and any(as_block(item) is not None for item in value)
    ):
        return [
            as_block(item) or mcp_types.TextContent(text=to_text(to_plain(item))) for item in value
        ]
    return None


def as_block(value: Any) -> mcp_types.ContentBlock | None:
    """The content block that a value is or knows how to become, or None."""
    if isinstance(value, CONTENT_TYPES):
        return value
    for method in ("to_image_content", "to_audio_content"):
        if hasattr(value, method):
            made: mcp_types.ContentBlock = getattr(value, method)()
            return made
    return None


def _output_schema(annotation: Any) -> dict[str, Any] | None:
    if annotation in (None, type(None), Any, inspect.Parameter.empty) or _mentions_content(
        annotation
    ):
        return None
    try:
        schema = TypeAdapter(annotation).json_schema(mode="serialization")
    except (
        PydanticSchemaGenerationError,
        PydanticInvalidForJsonSchema,
        PydanticUserError,
        NameError,
    ):
        return None
    if schema.get("type") == "object":
        return schema
    definitions = schema.pop("$defs", None)
    wrapped: dict[str, Any] = {
        "type": "object",
        "properties": {"result": schema},
        "required": ["result"],
        WRAP_MARK: True,
    }
    return wrapped | ({"$defs": definitions} if definitions else {})


def _mentions_content(annotation: Any) -> bool:
    """Whether a value of this type is, or may hold, content blocks rather than data."""
    if inspect.isclass(annotation):
        return issubclass(annotation, (*CONTENT_TYPES, mcp_types.CallToolResult)) or any(
            hasattr(annotation, name)
            for name in ("to_content_blocks", "to_image_content", "to_audio_content")
        )
    return any(_mentions_content(part) for part in typing.get_args(annotation))

"""Tools, calls and results of OpenAI's chat completions, and of every endpoint that speaks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import mcp_types

from hud.formats import content
from hud.formats.fields import fields, make_call, required
from hud.formats.openai_strict import strict_schema
from hud.formats.schemas import Schema, plain_root, rewritten
from hud.types import MCPToolCall, MCPToolResult


def tools(offered: Sequence[mcp_types.Tool], *, strict: bool = False) -> list[dict[str, Any]]:
    """Definitions for the `tools` of a request.

    Raises:
        UserError: `strict` was asked for and a tool's arguments cannot be expressed strictly.
    """
    return [{"type": "function", "function": function(tool, strict=strict)} for tool in offered]


def function(tool: mcp_types.Tool, *, strict: bool) -> dict[str, Any]:
    """Name, description and parameters of one tool; `strict` is there only when it is on."""
    named = {"name": tool.name, "description": tool.description or ""}
    if strict:
        return {**named, "parameters": strict_schema(tool.input_schema, tool.name), "strict": True}
    return {**named, "parameters": parameters(tool)}


def parameters(tool: mcp_types.Tool) -> Schema:
    """The tool's argument schema, whole."""
    # OpenAI refuses arrays that say nothing of their items.
    schema: Schema = rewritten(plain_root(tool.input_schema), _with_items)
    return schema


def matches(item: Mapping[str, Any]) -> bool:
    """Whether these are the fields of a chat completion's tool call."""
    return "function" in item and item.get("type") in (None, "function")


def call(item: Any) -> MCPToolCall:
    """Read a tool call (a dict or the SDK's object).

    Raises:
        UserError: it is no such call.
        UnreadableArguments: its arguments are not a JSON object.
    """
    item = fields(item)
    wanted = fields(required(item, "function"))
    return make_call(wanted.get("name"), required(wanted, "arguments"), item.get("id"))


def result(call: MCPToolCall, returned: MCPToolResult) -> dict[str, Any]:
    """The `tool` message that answers a call. It takes text only; see `images_message`."""
    return {"role": "tool", "tool_call_id": call.id, "content": content.flagged_text(returned)}


def images_message(answered: Iterable[tuple[MCPToolCall, MCPToolResult]]) -> dict[str, Any] | None:
    """A `user` message with the images of these results, to follow their `tool` messages.

    None if there are no images that OpenAI takes.
    """
    shown: list[dict[str, Any]] = []
    for call, result in answered:
        found = content.images(result)
        if found:
            whose = f"Returned by the tool `{call.name}` ({call.id}):"
            shown.append({"type": "text", "text": whose})
        urls = [content.data_url(image) for image in found]
        shown += [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": "user", "content": shown} if shown else None


def _with_items(schema: Schema) -> Schema:
    kinds = schema.get("type")
    is_array = kinds == "array" or (isinstance(kinds, list) and "array" in kinds)
    return {**schema, "items": {}} if is_array and "items" not in schema else schema

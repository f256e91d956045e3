"""Tools for the OpenAI Agents SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mcp_types
from agents import FunctionTool, ToolOutputImage, ToolOutputText
from agents.tool_context import ToolContext

from hud.formats import content, openai_chat
from hud.formats.adapters import Caller
from hud.formats.fields import UnreadableArguments, make_call
from hud.types import MCPToolResult


def tools(offered: Sequence[mcp_types.Tool], call: Caller) -> list[FunctionTool]:
    """One `FunctionTool` per tool; a failure is an answer that the model reads."""
    return [_tool(tool, call) for tool in offered]


def _tool(tool: mcp_types.Tool, call: Caller) -> FunctionTool:
    async def invoke(context: ToolContext[Any], arguments: str) -> Any:
        try:
            request = make_call(tool.name, arguments, context.tool_call_id)
        except UnreadableArguments as exc:
            return f"Error: {exc.message}"
        return _output(await call(request))

    return FunctionTool(
        name=tool.name,
        description=tool.description or "",
        params_json_schema=openai_chat.parameters(tool),
        on_invoke_tool=invoke,
        # Strict mode refuses open objects and drops what makes an argument optional.
        strict_json_schema=False,
    )


def _output(returned: MCPToolResult) -> str | list[ToolOutputText | ToolOutputImage]:
    if returned.is_error or not content.images(returned):
        return content.flagged_text(returned)
    shown = content.parts(returned, content.COMMON_IMAGES)
    return [
        ToolOutputText(text=part.text)
        if isinstance(part, mcp_types.TextContent)
        else ToolOutputImage(image_url=content.data_url(part))
        for part in shown
    ]

"""Tools for Google's Agent Development Kit."""

from __future__ import annotations

import base64
import copy
from collections.abc import Sequence
from typing import Any

import mcp_types
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext
from google.genai import types

from hud.formats import content, gemini
from hud.formats.adapters import Caller
from hud.formats.fields import make_call
from hud.types import MCPToolResult


class EnvironmentTool(BaseTool):
    """A tool of an environment, with its argument schema as it is."""

    def __init__(self, tool: mcp_types.Tool, call: Caller) -> None:
        super().__init__(name=tool.name, description=tool.description or "")
        self._schema = tool.input_schema
        self._call = call

    def _get_declaration(self) -> types.FunctionDeclaration:
        return types.FunctionDeclaration(
            name=self.name,
            description=self.description,
            parameters_json_schema=copy.deepcopy(self._schema),
        )

    async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> dict[str, Any]:
        """`{"result": value}`, with `images` if there are any, or `{"error": text}`."""
        return _answer(await self._call(make_call(self.name, args, tool_context.function_call_id)))


def tools(offered: Sequence[mcp_types.Tool], call: Caller) -> list[BaseTool]:
    """One tool per tool."""
    return [EnvironmentTool(tool, call) for tool in offered]


def _answer(returned: MCPToolResult) -> dict[str, Any]:
    if returned.is_error:
        return {"error": content.error_text(returned)}
    structured = returned.structured_content is not None
    answer = {"result": returned.value if structured else content.text(returned)}
    images = [
        types.Part.from_bytes(data=base64.b64decode(image.data), mime_type=image.mime_type)
        for image in content.images(returned, gemini.IMAGES)
    ]
    return {**answer, "images": images} if images else answer

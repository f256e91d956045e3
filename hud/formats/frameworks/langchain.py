"""Tools for LangChain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mcp_types
from langchain_core.tools import StructuredTool, ToolException

from hud.formats import content
from hud.formats.adapters import Caller
from hud.formats.fields import make_call
from hud.formats.schemas import plain_root
from hud.types import MCPToolResult


class EnvironmentTool(StructuredTool):
    """A structured tool that hands every argument on, whatever it is called.

    LangChain keeps `config` and `run_manager` for itself otherwise.
    """

    async def _arun(self, /, *args: Any, **arguments: Any) -> Any:
        assert self.coroutine is not None
        return await self.coroutine(**arguments)


def tools(offered: Sequence[mcp_types.Tool], call: Caller) -> list[StructuredTool]:
    """One structured tool per tool, for `ainvoke`.

    The content is text, or a list of text and image blocks; the artifact is the `MCPToolResult`.
    A failure is a `ToolException`, which becomes a tool message with the status `error`.
    """
    return [_tool(tool, call) for tool in offered]


def _tool(tool: mcp_types.Tool, call: Caller) -> StructuredTool:
    async def run(**arguments: Any) -> tuple[Any, MCPToolResult]:
        returned = await call(make_call(tool.name, arguments))
        if returned.is_error:
            raise ToolException(content.error_text(returned))
        return _content(returned), returned

    return EnvironmentTool(
        name=tool.name,
        description=tool.description or "",
        args_schema=plain_root(tool.input_schema),
        coroutine=run,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def _content(returned: MCPToolResult) -> str | list[dict[str, Any]]:
    if not content.images(returned):
        return content.text(returned)
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, mcp_types.TextContent)
        else {"type": "image", "base64": part.data, "mime_type": part.mime_type}
        for part in content.parts(returned, content.COMMON_IMAGES)
    ]

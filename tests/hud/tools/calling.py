"""Calling a ready-made tool the way an agent does: through an environment."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types

from hud import Environment
from hud.tools.base import BaseTool
from hud.types import MCPToolCall, MCPToolResult

LIMIT = 10.0
"""Seconds that a call may take."""


async def call(tool: BaseTool, **arguments: Any) -> MCPToolResult:
    """Call a tool of an environment; its failure is a result."""
    env = Environment("tools")
    env.add_tool(tool)
    async with asyncio.timeout(LIMIT):
        result: MCPToolResult = await env.call_tool(
            MCPToolCall(name=tool.name, arguments=arguments)
        )
    return result


async def text(tool: BaseTool, **arguments: Any) -> str:
    """The text that a call returns; the call must not fail."""
    result = await call(tool, **arguments)
    assert not result.is_error, result.text
    return result.text


async def failure(tool: BaseTool, **arguments: Any) -> str:
    """What a call says that has to fail."""
    result = await call(tool, **arguments)
    assert result.is_error, result.text
    return result.text


def images(result: MCPToolResult) -> list[mcp_types.ImageContent]:
    """The pictures of a result."""
    return [block for block in result.content if isinstance(block, mcp_types.ImageContent)]


def definition(tool: BaseTool) -> mcp_types.Tool:
    """What clients see of a tool."""
    env = Environment("tools")
    env.add_tool(tool)
    (found,) = env.as_tools()
    return found


@asynccontextmanager
async def closed_after(tool: Any) -> AsyncIterator[Any]:
    """Close a tool that holds a process, whatever happens."""
    try:
        yield tool
    finally:
        await tool.close()


def content(path: Path) -> bytes:
    """What a file holds."""
    return path.read_bytes()


def contents(folder: Path) -> dict[str, bytes]:
    """What the files of a folder hold, by their path in it."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def fill(path: Path, data: bytes) -> None:
    """Replace what a file holds."""
    path.write_bytes(data)


def ends(pid: int) -> bool:
    """Whether a process has ended, or does so soon."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return process in select.select([process], [], [], LIMIT)[0]
    finally:
        os.close(process)


def is_running(pid: int) -> bool:
    """Whether a process does anything; one that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

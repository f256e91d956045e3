"""Phase 4: the tools that are safe to call are called."""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types

from hud.debug.evidence import Kind
from hud.debug.examination import Examination, Link, Passed
from hud.debug.phases.discovery import count
from hud.debug.rules import matching
from hud.debug.samples import NoSample, Sample, sample_arguments
from hud.debug.targets.target import CheckFailure
from hud.errors import ConnectionFailure
from hud.types import MCPToolResult

BUGS = ("NameError", "UnboundLocalError", "SyntaxError", "ImportError", "NotImplementedError")
"""Errors that no arguments and no state make right."""
SHOWN = 200


async def call_tools(examination: Examination) -> Passed:
    """No safe call hangs, ends the server, or fails for a reason that lies in the environment."""
    warnings: list[str] = []
    called = 0
    for tool in examination.tools:
        sample = safe_arguments(tool)
        if sample is None:
            continue
        called += 1
        result = await call(examination, examination.link, tool.name, sample.arguments)
        if result.is_error:
            warnings += _judge(tool.name, result.text, invented=bool(sample.invented))
    left = len(examination.tools) - called
    notes = (f"{count(called, 'tool')} called",)
    return Passed(
        (*notes, f"{left} not called: not safe without a task") if left else notes, tuple(warnings)
    )


def safe_arguments(tool: mcp_types.Tool) -> Sample | None:
    """What a tool may be called with, or None if it had better not be called.

    Safe is what says that it only reads, and what needs no arguments and does not say that it
    destroys.
    """
    hints = tool.annotations
    reads = bool(hints and hints.read_only_hint)
    destroys = bool(hints and hints.destructive_hint)
    if not reads and (destroys or tool.input_schema.get("required")):
        return None
    try:
        return sample_arguments(tool.input_schema)
    except NoSample:
        return None


async def call(
    examination: Examination, link: Link, name: str, arguments: dict[str, Any]
) -> MCPToolResult:
    """The result of a call, which may say that it failed.

    Raises:
        CheckFailure: it did not come in time, the server ended, or the result is not what the
        tool's schema says.
    """
    seconds = examination.options.call_seconds
    try:
        async with asyncio.timeout(seconds):
            result = await link.session.connection.call_tool(name, arguments)
    except TimeoutError:
        raise CheckFailure(
            f"tool `{name}` gave no answer within {seconds:g} s", kind=Kind.HANGS
        ) from None
    except ConnectionFailure as exc:
        if "tructured" in exc.message:
            told = f"tool `{name}` returns what its output schema does not allow"
            raise CheckFailure(told, kind=Kind.TOOL_OUTPUT, detail=exc.message) from exc
        raise
    if result.is_error and not await link.server.is_running():
        raise CheckFailure(f"the server ended when tool `{name}` was called")
    return result


def _judge(name: str, text: str, *, invented: bool) -> list[str]:
    """A warning about a call that failed.

    Raises:
        CheckFailure: the reason lies in the environment, not in the call.
    """
    line = " ".join(text.split())[:SHOWN]
    if matching(text) is not None or any(bug in text for bug in BUGS):
        raise CheckFailure(f"tool `{name}` failed: {line}", kind=Kind.TOOL, detail=text)
    if invented:
        return []
    return [f"tool `{name}` failed: {line}"]

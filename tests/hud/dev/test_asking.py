"""A tool that asks the client's user and model is answered by every path, in both eras."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.command import Command
from tests.hud.dev.live import ERAS, SECONDS, hud_dev

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:.*deprecated")]

ENV = """
from hud import Environment
from hud.environment import Context

env = Environment("asking")


@env.tool()
async def order(ctx: Context) -> str:
    size = await ctx.elicit("Which size?", ["small", "large"])
    praise = await ctx.sample("Praise it.", system_prompt="Be brief.")
    return f"{size.action} {size.data} {praise.text}"


if __name__ == "__main__":
    env.run(transport="stdio")
"""


async def choose(context: Any, params: Any) -> mcp_types.ElicitResult:
    assert params.message == "Which size?"
    return mcp_types.ElicitResult(action="accept", content={"value": "large"})


async def praise(context: Any, params: Any) -> mcp_types.CreateMessageResult:
    said = f"{params.system_prompt} {params.messages[0].content.text}"
    content = mcp_types.TextContent(text=said)
    return mcp_types.CreateMessageResult(role="assistant", content=content, model="m")


@asynccontextmanager
async def reached(cli: Command, path: str) -> AsyncIterator[Any]:
    """What a client connects to: a URL or the pipes of a program."""
    if path == "dev":
        with hud_dev(cli, "env:env", "-p", "0") as server:
            yield server.url
        return
    served = ("dev", "env:env", "--stdio")
    command = [sys.executable, "env.py"] if path == "program" else [*cli.argv, *served]
    yield stdio_client(
        StdioServerParameters(command=command[0], args=command[1:], cwd=cli.cwd, env=cli.env)
    )


@pytest.mark.parametrize("path", ["program", "dev-stdio", "dev"])
@ERAS
async def test_a_tool_may_ask_its_client(hud_cli: Command, path: str, era: Any) -> None:
    (hud_cli.cwd / "env.py").write_text(ENV)
    with anyio.fail_after(4 * SECONDS):
        async with (
            reached(hud_cli, path) as target,
            Client(
                target, mode=era, elicitation_callback=choose, sampling_callback=praise
            ) as client,
        ):
            assert (client.protocol_version == "2026-07-28") == (era == "auto")
            result = await client.call_tool("order")
    (said,) = result.content
    assert getattr(said, "text", "") == "accept large Be brief. Praise it."

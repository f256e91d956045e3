"""Real clients and a real server of the official SDK, through the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp_types
import pytest
from mcp import Client
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

from hud.dev.gateway import HttpUpstream
from tests.hud.dev.gateway.serving import QUICK, Opened, opened, serving

pytestmark = pytest.mark.anyio
ERAS = pytest.mark.parametrize("mode", ["legacy", "auto"])


class Name(BaseModel):
    name: str


def added() -> str:
    return "added"


def environment(*tools: str) -> MCPServer:
    server = MCPServer("environment")

    @server.tool()
    def add(a: int, b: int) -> int:
        return a + b

    @server.tool()
    async def count(ctx: Context) -> str:
        for done in (1, 2, 3):
            await ctx.report_progress(done, 3)
        return "counted"

    @server.tool()
    async def greet(ctx: Context) -> str:
        answer = await ctx.elicit("Who?", Name)
        return f"hello {answer.data.name}" if answer.action == "accept" else "hello"

    @server.resource("toy://a")
    def resource() -> str:
        return "content"

    @server.prompt()
    def prompt(topic: str) -> str:
        return f"about {topic}"

    @server.tool()
    def screenshot(megabytes: int) -> str:
        return "x" * megabytes * 2**20

    for name in tools:
        server.tool(name=name)(added)
    return server


@asynccontextmanager
async def running(*tools: str) -> AsyncIterator[str]:
    app = environment(*tools).streamable_http_app()
    async with app.router.lifespan_context(app), serving(app) as behind:
        yield behind.url


@asynccontextmanager
async def in_front_of_environment(folder: Path) -> AsyncIterator[Opened]:
    async with running() as url, opened(HttpUpstream(url), folder, QUICK) as front:
        yield front


@ERAS
async def test_tools_resources_and_prompts_work(tmp_path: Path, mode: Any) -> None:
    async with in_front_of_environment(tmp_path) as front, Client(front.url, mode=mode) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}
        content = (await client.read_resource("toy://a")).contents[0]
        assert isinstance(content, mcp_types.TextResourceContents)
        assert content.text == "content"
        message = (await client.get_prompt("prompt", {"topic": "x"})).messages[0]
        assert isinstance(message.content, mcp_types.TextContent)
        assert message.content.text == "about x"


@ERAS
async def test_progress_reaches_the_client(tmp_path: Path, mode: Any) -> None:
    heard: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with in_front_of_environment(tmp_path) as front, Client(front.url, mode=mode) as client:
        await client.call_tool("count", {}, progress_callback=progress)
    assert heard == [1, 2, 3]


@ERAS
async def test_an_answer_that_no_event_may_hold_reaches_the_client(
    tmp_path: Path, mode: Any
) -> None:
    async with in_front_of_environment(tmp_path) as front, Client(front.url, mode=mode) as client:
        result = await client.call_tool("screenshot", {"megabytes": 10})
        assert result.structured_content == {"result": "x" * 10 * 2**20}


async def test_elicitation_reaches_the_client(tmp_path: Path) -> None:
    async def answer(context: Any, params: Any) -> mcp_types.ElicitResult:
        return mcp_types.ElicitResult(action="accept", content={"name": "you"})

    async with (
        in_front_of_environment(tmp_path) as front,
        Client(front.url, mode="legacy", elicitation_callback=answer) as client,
    ):
        result = await client.call_tool("greet", {})
        assert result.structured_content == {"result": "hello you"}


@ERAS
async def test_a_session_goes_on_over_a_swap_and_sees_the_new_tool(
    tmp_path: Path, mode: Any
) -> None:
    told = anyio.Event()

    async def heard(message: Any) -> None:
        if isinstance(message, mcp_types.ToolListChangedNotification):
            told.set()

    async def listen(client: Client, *, task_status: Any) -> None:
        async with client.listen(tools_list_changed=True) as events:
            task_status.started()
            async for _ in events:
                told.set()

    async with (
        in_front_of_environment(tmp_path) as front,
        running("added") as new,
        Client(front.url, mode=mode, message_handler=heard) as client,
        anyio.create_task_group() as tasks,
    ):
        if mode == "auto":
            await tasks.start(lambda task_status: listen(client, task_status=task_status))
        else:
            await front.until("serving", streams=1)
        await front.gateway.swap(HttpUpstream(new), cause="`env.py` changed")
        with anyio.fail_after(5):
            await told.wait()
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "added" in names
        result = await client.call_tool("add", {"a": 1, "b": 2})
        assert result.structured_content == {"result": 3}
        tasks.cancel_scope.cancel()

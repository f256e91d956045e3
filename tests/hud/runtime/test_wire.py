"""MCP's requests over a socket, between a rollout and its environment."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import mcp_types
import pytest

from hud import Environment
from hud.environment.session import Connection, Session
from hud.errors import (
    EnvironmentFailure,
    GradingFailure,
    HudError,
    InitializeFailure,
    LimitReached,
    SetupFailure,
)
from hud.runtime.lines import LineProtocol
from hud.runtime.wire import WireConnection, WireServer
from tests.hud.eval.conftest import Scenario

pytestmark = pytest.mark.anyio

PICTURE = mcp_types.ImageContent(type="image", data="aGVsbG8=", mime_type="image/png")


def workshop() -> Environment:
    env = Environment("workshop")

    @env.tool
    def echo(text: str) -> dict[str, str]:
        return {"text": text}

    @env.tool
    def draw() -> mcp_types.ImageContent:
        return PICTURE

    @env.tool
    async def wait(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return f"waited {seconds}"

    @env.resource("notes://all")
    def notes() -> str:
        return "a note"

    @env.scenario("work")
    async def work(fails: str = "") -> Scenario:
        if fails == "setup":
            raise ValueError("no words")
        yield "Work."
        if fails == "grading":
            raise ValueError("no key")
        yield 0.5

    return env


def same(protocol: LineProtocol) -> LineProtocol:
    return protocol


async def gone() -> HudError:
    return EnvironmentFailure("the environment is gone")


@asynccontextmanager
async def connected(
    env: Environment, timeout: float = 5.0
) -> AsyncIterator[tuple[WireConnection, WireServer]]:
    """Both ends of a wire in this process."""
    session = Session(env)

    async def open_session() -> Connection:
        await env.__aenter__()
        return session

    client, server = WireConnection(timeout, gone), WireServer(open_session)
    loop = asyncio.get_running_loop()
    ends = socket.socketpair()
    for end, protocol in zip(ends, (client.protocol, server.protocol), strict=True):
        end.setblocking(False)
        await loop.create_connection(partial(same, protocol), sock=end)
    try:
        yield client, server
    finally:
        client.close()
        await asyncio.wait_for(server.finished.wait(), 5)
        await session.close()
        for protocol in (client.protocol, server.protocol):
            assert protocol.transport is not None
            protocol.transport.close()


async def test_a_scenario_is_played_over_the_wire() -> None:
    async with connected(workshop()) as (client, _):
        assert {tool.name for tool in await client.list_tools()} == {"echo", "draw", "wait"}
        assert [prompt.name for prompt in await client.list_prompts()] == ["workshop:work"]
        prompt = await client.get_prompt("work", {})
        assert prompt.messages[0].content == mcp_types.TextContent(type="text", text="Work.")
        grade = await client.read_resource("work")
    assert '"reward":0.5' in grade.contents[0].text  # type: ignore[union-attr]


async def test_results_arrive_as_they_were_returned() -> None:
    text = 'a line\nanother \u2028 "quoted" \U0001f600'
    async with connected(workshop()) as (client, _):
        echoed = await client.call_tool("echo", {"text": text})
        drawn = await client.call_tool("draw", {})
        read = await client.read_resource("notes://all")
    assert echoed["text"] == text
    assert drawn.content == [PICTURE]
    assert read.contents[0].text == "a note"  # type: ignore[union-attr]


async def test_a_large_result_arrives_whole() -> None:
    text = "x" * 5_000_000
    async with connected(workshop()) as (client, _):
        assert (await client.call_tool("echo", {"text": text}))["text"] == text


async def test_requests_overtake_each_other() -> None:
    async with connected(workshop()) as (client, _):
        async with asyncio.timeout(5):
            slow = asyncio.create_task(client.call_tool("wait", {"seconds": 60}))
            assert (await client.call_tool("wait", {"seconds": 0})).text == "waited 0.0"
        slow.cancel()
        await asyncio.wait({slow}, timeout=5)


@pytest.mark.parametrize(("fails", "kind"), [("setup", SetupFailure), ("grading", GradingFailure)])
async def test_failures_keep_their_class_and_the_authors_traceback(
    fails: str, kind: type[HudError]
) -> None:
    async def play(client: WireConnection) -> None:
        await client.get_prompt("work", {"fails": fails})
        await client.read_resource("work")

    async with connected(workshop()) as (client, _):
        with pytest.raises(kind, match="scenario `work` failed") as failure:
            await play(client)
    assert "raise ValueError" in (failure.value.detail or "")


async def test_an_environment_that_cannot_start_says_so_at_every_request() -> None:
    env = workshop()

    @env.initialize
    async def prepare() -> None:
        raise OSError("no disk")

    async with connected(env) as (client, _):
        for _ in range(2):
            with pytest.raises(InitializeFailure, match="no disk"):
                await client.list_tools()


async def test_an_unknown_request_is_refused() -> None:
    async with connected(workshop()) as (client, _):
        with pytest.raises(EnvironmentFailure, match="unknown method `tools/forget`"):
            await client.request("tools/forget")


async def test_a_request_without_an_answer_is_given_up_in_time() -> None:
    async with connected(workshop(), timeout=0.1) as (client, _):
        with pytest.raises(LimitReached, match=r"`tools/call` had no answer within 0\.1 s"):
            await client.call_tool("wait", {"seconds": 1})


async def test_the_end_of_the_environment_ends_what_waits_and_what_comes_after() -> None:
    async with connected(workshop()) as (client, server):
        waiting = asyncio.create_task(client.call_tool("wait", {"seconds": 1}))
        await client.list_tools()
        assert server.protocol.transport is not None
        server.protocol.transport.abort()
        for request in (waiting, client.list_tools()):
            with pytest.raises(EnvironmentFailure, match="the environment is gone"):
                await asyncio.wait_for(request, 5)

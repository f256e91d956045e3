"""Sessions of the era that has none, and what becomes of work whose client is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from hud.environment import Environment
from hud.environment.server import protocol_server
from hud.environment.server.sessions import SESSION_NAME, Limits
from hud.environment.session import SUBMIT_TOOL, Session
from tests.hud.environment.served import LIMIT, build

pytestmark = pytest.mark.anyio

MODERN = "2026-07-28"


def named(name: str) -> Any:
    return {SESSION_NAME: name}


async def test_clients_without_sessions_share_one() -> None:
    async with Client(protocol_server(build()), mode=MODERN) as client:
        await client.get_prompt("served:echo", {"word": "a"})
        await client.call_tool(SUBMIT_TOOL, {"answer": "a"})
        assert '"reward":1.0' in getattr(
            (await client.read_resource("served:echo")).contents[0], "text", ""
        )


async def test_a_client_without_sessions_may_name_one_in_each_request() -> None:
    async with Client(protocol_server(build()), mode=MODERN) as client:
        await client.get_prompt("served:guarded", meta=named("one"))
        await client.get_prompt("served:echo", meta=named("two"))
        assert (await client.call_tool("secret", meta=named("one"))).is_error
        assert not (await client.call_tool("secret", meta=named("two"))).is_error


async def test_no_more_named_sessions_are_opened_than_allowed() -> None:
    async with Client(protocol_server(build(), Limits(max_sessions=1)), mode=MODERN) as client:
        await client.get_prompt("served:echo", meta=named("one"))
        with pytest.raises(MCPError, match="has 1 sessions, and opens no more"):
            await client.get_prompt("served:echo", meta=named("two"))


async def test_a_named_session_expires_when_it_is_idle_and_not_before() -> None:
    tidied = asyncio.Event()
    env = build(lambda line: tidied.set() if line == "tidied" else None)
    async with Client(protocol_server(env, Limits(idle_timeout=0.1)), mode=MODERN) as client:
        await client.get_prompt("served:tidy")
        async with asyncio.timeout(LIMIT):
            await tidied.wait()
        with pytest.raises(MCPError, match="was not set up"):
            await client.read_resource("served:tidy")


async def test_scenarios_clean_up_before_the_environment_shuts_down() -> None:
    journal: list[str] = []
    async with Client(protocol_server(build(journal.append)), mode=MODERN) as client:
        await client.get_prompt("served:tidy")
    assert journal == ["initialize", "tidied", "shutdown"]


@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_a_request_that_is_cancelled_lets_the_tool_clean_up(mode: str) -> None:
    env, started, cleaned = Environment("slow"), asyncio.Event(), asyncio.Event()

    @env.tool
    async def wait() -> None:
        try:
            started.set()
            await asyncio.sleep(LIMIT)
        finally:
            await asyncio.sleep(0.01)
            cleaned.set()

    async with (
        Client(protocol_server(env), mode=mode) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(client.call_tool, "wait")
        await started.wait()
        group.cancel_scope.cancel()
    async with asyncio.timeout(LIMIT):
        await cleaned.wait()


async def test_a_tool_that_cancels_itself_still_gets_an_answer() -> None:
    env = Environment("odd")

    @env.tool
    async def give_up() -> None:
        raise asyncio.CancelledError

    async with Client(protocol_server(env), mode="legacy", read_timeout_seconds=LIMIT) as client:
        with pytest.raises(MCPError, match="was cancelled by the environment itself"):
            await client.call_tool("give_up")


async def test_two_setups_at_once_leave_one_scenario_open() -> None:
    journal: list[str] = []
    env = build(journal.append)
    session = Session(env)
    await asyncio.gather(session.get_prompt("tidy", {}), session.get_prompt("tidy", {}))
    assert journal == ["tidied"]
    await session.close()
    assert journal == ["tidied", "tidied"]

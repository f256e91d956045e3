"""Tools that ask clients of the era in which servers send no requests."""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types.version import LATEST_MODERN_VERSION

from hud import Environment
from hud.environment import Context
from hud.environment.server import protocol_server
from hud.environment.server.sessions import Limits

pytestmark = pytest.mark.anyio


def builder(cancelled: asyncio.Event) -> Environment:
    """An environment whose tool asks twice at once, then once more, and tells its progress."""
    env = Environment("builder")

    @env.tool
    async def build(ctx: Context) -> str:
        try:
            first, second = await asyncio.gather(ctx.elicit("Name?", str), ctx.elicit("Size?", int))
            await ctx.report_progress(1, 2, "asked")
            colour = await ctx.elicit("Colour?", ["red", "blue"])
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return f"{first.data} {second.data} {colour.data}"

    return env


async def decide(context: Any, params: Any) -> mcp_types.ElicitResult:
    said = {"Name?": "shed", "Size?": 3, "Colour?": "red"}[params.message]
    return mcp_types.ElicitResult(action="accept", content={"value": said})


def client(cancelled: asyncio.Event | None = None, **limits: Any) -> Client:
    server = protocol_server(builder(cancelled or asyncio.Event()), Limits(**limits))
    return Client(server, mode=LATEST_MODERN_VERSION, elicitation_callback=decide)


async def asked(client: Client, **retry: Any) -> mcp_types.InputRequiredResult:
    result = await client.session.call_tool("build", {}, allow_input_required=True, **retry)
    assert isinstance(result, mcp_types.InputRequiredResult)
    return result


def accept(**values: Any) -> dict[str, Any]:
    return {
        key.replace("_", "-"): mcp_types.ElicitResult(action="accept", content={"value": value})
        for key, value in values.items()
    }


async def test_a_tool_asks_as_often_as_it_likes_and_goes_on_where_it_was() -> None:
    heard: list[Any] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with client() as modern:
        result = await modern.call_tool("build", progress_callback=hear)
    assert result.content == [mcp_types.TextContent(text="shed 3 red")]
    assert heard == [(1, 2, "asked")]


async def test_questions_at_one_time_are_asked_together() -> None:
    async with client() as modern:
        first = await asked(modern)
        assert list(first.input_requests or {}) == ["input-1", "input-2"]
        both = accept(input_1="hut", input_2=4)
        then = await asked(modern, input_responses=both, request_state=first.request_state)
        assert list(then.input_requests or {}) == ["input-3"]


async def test_what_was_not_answered_is_asked_again() -> None:
    async with client() as modern:
        first = await asked(modern)
        one = accept(input_2=4, nonsense=1)
        then = await asked(modern, input_responses=one, request_state=first.request_state)
    assert list(then.input_requests or {}) == ["input-1"]


@pytest.mark.parametrize("state", ["guessed", "used"])
async def test_a_state_that_is_not_waited_for_is_refused(state: str) -> None:
    async with client() as modern:
        first = await asked(modern)
        retry: dict[str, Any] = {"input_responses": accept(input_1="hut")}
        await asked(modern, request_state=first.request_state, **retry)
        with pytest.raises(MCPError, match="requestState is unknown"):
            await asked(
                modern, request_state=first.request_state if state == "used" else "x", **retry
            )


async def test_a_state_belongs_to_the_call_that_asked() -> None:
    async with client() as modern:
        first = await asked(modern)
        with pytest.raises(MCPError, match="belongs to another call"):
            await modern.session.call_tool("build", {"a": 1}, request_state=first.request_state)
        await asked(modern, request_state=first.request_state)


async def test_a_call_that_waits_is_cancelled_when_the_server_stops() -> None:
    cancelled = asyncio.Event()
    async with client(cancelled) as modern:
        await asked(modern)
        assert not cancelled.is_set()
    assert cancelled.is_set()


async def test_a_call_whose_client_does_not_come_back_is_cancelled() -> None:
    cancelled = asyncio.Event()
    async with client(cancelled, answer_timeout=0.0) as modern:
        first = await asked(modern)
        async with asyncio.timeout(5):
            await cancelled.wait()
        with pytest.raises(MCPError, match="requestState is unknown"):
            await asked(modern, request_state=first.request_state)


async def test_no_more_calls_wait_than_a_server_can_keep() -> None:
    async with client(max_waiting=1) as modern:
        await asked(modern)
        with pytest.raises(MCPError, match="wait for their clients' answers"):
            await asked(modern)

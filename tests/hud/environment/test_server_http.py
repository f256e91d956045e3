"""Serving over Streamable HTTP: callers, sessions, and how it stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from hud.environment import Environment
from hud.environment.mcp_client import open_url
from hud.environment.server import run, serve
from hud.environment.session import SUBMIT_TOOL
from hud.errors import GradingFailure, InitializeFailure, UserError
from tests.hud.environment.served import (
    LIMIT,
    build,
    environment_variables,
    free_port,
    over_http,
    play,
    program,
    reachable,
)

pytestmark = pytest.mark.anyio

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


async def status(url: str, **headers: str) -> int:
    async with httpx.AsyncClient() as http:
        return (await http.post(url, json=PING, headers=ACCEPT | headers)).status_code


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_only_known_hosts_and_origins_are_let_in(host: str) -> None:
    async with over_http(build(), host=host, allowed_hosts=["env.internal"]) as url:
        assert await status(url, Host="evil.example") == 421
        assert await status(url, Host="127.0.0.1.evil.example:80") == 421
        assert await status(url, Origin="http://evil.example") == 403
        assert await status(url, Origin="null") == 403
        for known in ({"Host": "env.internal:9000"}, {"Host": "localhost"}):
            assert await status(url, **known) == 400  # let in, but there is no session yet
        assert await status(url, Origin="http://localhost:3000") == 400


async def test_other_sites_get_no_leave_to_read_answers() -> None:
    async with over_http(build()) as url, httpx.AsyncClient() as http:
        preflight = {"Origin": "http://localhost:1", "Access-Control-Request-Method": "POST"}
        answer = await http.options(url, headers=preflight)
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_two_sessions_side_by_side_play_their_own_scenarios() -> None:
    async with (
        over_http(build()) as url,
        Client(url, mode="legacy") as one,
        Client(url, mode="legacy") as two,
    ):
        await one.get_prompt("served:guarded")
        await two.get_prompt("served:echo", {"word": "two"})
        await two.call_tool(SUBMIT_TOOL, {"scenario": "echo", "answer": "two"})
        assert (await one.call_tool("secret")).is_error
        assert not (await two.call_tool("secret")).is_error
        with pytest.raises(MCPError, match="was not set up"):
            await one.read_resource("served:echo")
        assert '"reward":1.0' in (await two.read_resource("served:echo")).model_dump_json().replace(
            "\\", ""
        )


async def test_a_session_that_ends_closes_its_scenario() -> None:
    tidied = asyncio.Event()
    env = build(lambda line: tidied.set() if line == "tidied" else None)
    async with over_http(env) as url:
        async with Client(url, mode="legacy") as client:
            await client.get_prompt("served:tidy")
        async with asyncio.timeout(LIMIT):
            await tidied.wait()


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_an_idle_session_expires_and_its_scenario_is_closed(mode: str) -> None:
    tidied = asyncio.Event()
    env = build(lambda line: tidied.set() if line == "tidied" else None)
    async with (
        over_http(env, session_idle_timeout=0.2) as url,
        httpx.AsyncClient(headers=ACCEPT) as http,
    ):
        if mode == "legacy":
            await _set_up_by_hand(http, url)
        else:
            async with Client(url) as client:
                await client.get_prompt("served:tidy")
        async with asyncio.timeout(LIMIT):
            await tidied.wait()


async def _set_up_by_hand(http: httpx.AsyncClient, url: str) -> None:
    """Without the stream that clients keep open, which keeps a session from being idle."""
    info = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    }
    begun = await http.post(url, json={**PING, "method": "initialize", "params": info})
    headers = {"mcp-session-id": begun.headers["mcp-session-id"]}
    await http.post(
        url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers
    )
    prompt = {**PING, "method": "prompts/get", "params": {"name": "served:tidy"}}
    assert (await http.post(url, json=prompt, headers=headers)).status_code == 200


async def test_there_are_no_more_sessions_than_allowed() -> None:
    async with over_http(build(), max_sessions=1) as url, Client(url, mode="legacy") as client:
        assert await status(url) == 503
        assert (await client.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}


async def test_a_large_result_reaches_our_own_client() -> None:
    async with over_http(build()) as url, open_url(url, None, "served") as connection:
        assert len((await connection.call_tool("big", {})).text) == 3_000_000


async def test_a_grading_failure_is_one_for_our_own_client_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with over_http(build()) as url, open_url(url, None, "served") as connection:
        await connection.get_prompt("served:broken_grade", {})
        with pytest.raises(
            GradingFailure, match="AssertionError: the grader is confused"
        ) as caught:
            await connection.read_resource("served:broken_grade")
    assert caught.value.detail is None
    assert "assert not expected" in caplog.text


async def test_the_graders_source_does_not_travel() -> None:
    async with over_http(build()) as url, Client(url, mode="legacy") as client:
        await client.get_prompt("served:broken_grade")
        with pytest.raises(MCPError) as caught:
            await client.read_resource("served:broken_grade")
    assert "expected" not in json.dumps(caught.value.error.model_dump())


async def test_stopping_runs_every_hook_once() -> None:
    journal: list[str] = []
    async with (
        over_http(build(journal.append)) as url,
        Client(url, mode="legacy") as one,
        Client(url) as two,
    ):
        await play(one, "x")
        await play(two, "x")
    assert journal == ["initialize", "shutdown"]


@pytest.mark.parametrize(("mode", "number"), [("legacy", signal.SIGTERM), ("auto", signal.SIGINT)])
async def test_a_signal_stops_the_server_while_clients_are_connected(
    mode: str, number: int, tmp_path: Path
) -> None:
    journal, port = tmp_path / "journal", free_port()
    command = program("http", journal, str(port))
    process = await asyncio.create_subprocess_exec(*command, env=environment_variables())
    try:
        async with asyncio.timeout(2 * LIMIT):
            await reachable(port)
            async with Client(f"http://127.0.0.1:{port}/mcp", mode=mode) as client:
                await client.get_prompt("served:tidy")
                process.send_signal(number)
                assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert journal.read_text().split() == ["initialize", "tidied", "shutdown"]


async def test_an_address_in_use_is_told_in_one_line() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UserError, match=r"cannot serve at 127\.0\.0\.1:.*in use"),
    ):
        await serve(build(), "http", port=taken.getsockname()[1])


async def test_a_hook_that_fails_keeps_the_server_from_starting() -> None:
    env = Environment("x")

    @env.initialize
    def start() -> None:
        raise RuntimeError("no licence")

    with pytest.raises(InitializeFailure, match="no licence"):
        await serve(env, "http", port=free_port())


@pytest.mark.parametrize(
    ("transport", "options", "told", "hint"),
    [
        ("sse", {}, "`sse` is deprecated", 'use transport="http"'),
        ("htp", {}, "no transport 'htp'", "did you mean `http`?"),
        ("http", {"prot": 1}, "unknown option 'prot'", "did you mean `port`"),
    ],
)
async def test_a_wrong_option_is_told_with_a_hint(
    transport: str, options: dict[str, Any], told: str, hint: str
) -> None:
    with pytest.raises(UserError, match=told) as caught:
        await serve(build(), transport, **options)
    assert hint in (caught.value.hint or "")


async def test_running_inside_an_event_loop_names_the_way_out() -> None:
    with pytest.raises(UserError, match="event loop is running already") as caught:
        run(build())
    assert "run_async" in (caught.value.hint or "")


async def test_nothing_of_ours_configures_logging() -> None:
    loggers = (logging.getLogger(), logging.getLogger("uvicorn"))
    before = [list(logger.handlers) for logger in loggers]
    async with over_http(build()) as url:
        await status(url)
    assert [logger.handlers for logger in loggers] == before

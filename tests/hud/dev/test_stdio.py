"""The gateway for one client at the other end of two pipes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hud.dev.gateway import HttpUpstream
from hud.dev.stdio import serve_stdio
from tests.hud.dev.gateway.serving import QUICK, opened, serving
from tests.hud.dev.gateway.toy import Json, ToyServer, ask, large, wait_for_cancel

pytestmark = pytest.mark.anyio

HELLO: Json = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}


class Pipes:
    """The client's ends of two pipes."""

    def __init__(self, sink: int, reader: asyncio.StreamReader) -> None:
        self._sink = sink
        self._reader = reader

    def send(self, method: str | None = None, request_id: Any = None, **more: Any) -> None:
        message = {"jsonrpc": "2.0", "method": method, "id": request_id, **more}
        kept = {key: value for key, value in message.items() if value is not None}
        self.write(json.dumps(kept).encode() + b"\n")

    def write(self, data: bytes) -> None:
        os.write(self._sink, data)

    async def next(self) -> Json:
        async with asyncio.timeout(10):
            message: Json = json.loads(await self._reader.readline())
        return message

    async def rest(self) -> bytes:
        async with asyncio.timeout(10):
            return await self._reader.read()

    def close(self) -> None:
        os.close(self._sink)


@asynccontextmanager
async def piped(toy: ToyServer, folder: Path) -> AsyncIterator[Pipes]:
    """A client on pipes, the gateway, and a toy server behind it."""
    source, theirs = os.pipe()
    ours, sink = os.pipe()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**25)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", buffering=0)
    )
    async with serving(toy.app) as behind, opened(HttpUpstream(behind.url), folder, QUICK) as front:
        serving_pipes = asyncio.create_task(serve_stdio(front.gateway.app, source, sink))
        pipes = Pipes(theirs, reader)
        try:
            yield pipes
        finally:
            with contextlib.suppress(OSError):
                pipes.close()
            async with asyncio.timeout(15):
                await serving_pipes
            transport.close()
            os.close(source)
            os.close(sink)


async def greet(pipes: Pipes) -> None:
    pipes.send("initialize", 1, params=HELLO)
    assert (await pipes.next())["result"]["serverInfo"]["name"] == "toy"
    pipes.send("notifications/initialized")


async def test_requests_are_answered_and_the_session_is_one(tmp_path: Path) -> None:
    toy = ToyServer()
    async with piped(toy, tmp_path) as pipes:
        await greet(pipes)
        for number in (2, "three"):
            pipes.send("tools/call", number, params={"name": "echo", "arguments": {}})
            assert (await pipes.next())["id"] == number
        assert len(toy.clients) == 1


async def test_a_question_of_the_server_reaches_the_client_and_its_answer_the_server(
    tmp_path: Path,
) -> None:
    toy = ToyServer()
    toy.add("ask", ask)
    async with piped(toy, tmp_path) as pipes:
        await greet(pipes)
        pipes.send("tools/call", 2, params={"name": "ask", "arguments": {}})
        question = await pipes.next()
        assert question["method"]
        pipes.send(request_id=question["id"], result={"action": "accept"})
        answered = await pipes.next()
        assert answered["id"] == 2
        assert "accept" in answered["result"]["content"][0]["text"]


async def test_a_cancellation_is_passed_on(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("wait", wait_for_cancel)
    async with piped(toy, tmp_path) as pipes:
        await greet(pipes)
        pipes.send("tools/call", 2, params={"name": "wait", "arguments": {}})
        await toy.until(lambda: "wait" in toy.calls)
        pipes.send("notifications/cancelled", params={"requestId": 2})
        assert (await pipes.next())["id"] == 2


async def test_a_large_result_comes_on_one_line(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("large", large)
    async with piped(toy, tmp_path) as pipes:
        await greet(pipes)
        pipes.send("tools/call", 2, params={"name": "large", "arguments": {"size": 11_000_000}})
        assert len((await pipes.next())["result"]["content"][0]["text"]) > 10_000_000


async def test_a_client_of_the_newer_era_needs_no_handshake(tmp_path: Path) -> None:
    toy = ToyServer(is_modern=True)
    async with piped(toy, tmp_path) as pipes:
        params = {"name": "echo", "arguments": {}, "_meta": META}
        pipes.send("tools/call", "a", params=params)
        assert (await pipes.next())["id"] == "a"


async def test_a_broken_line_is_answered_and_the_next_one_served(tmp_path: Path) -> None:
    async with piped(ToyServer(), tmp_path) as pipes:
        pipes.write(b"{nonsense\n\n")
        assert (await pipes.next())["error"]["code"] == -32700
        await greet(pipes)


async def test_answers_under_way_are_given_before_the_end(tmp_path: Path) -> None:
    async with piped(ToyServer(), tmp_path) as pipes:
        await greet(pipes)
        pipes.send("tools/call", 2, params={"name": "echo", "arguments": {}})
        pipes.close()
        assert (await pipes.next())["id"] == 2

"""What passes through the gateway unchanged, and what becomes of broken answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from hud.dev.gateway import Limits
from tests.hud.dev.gateway.serving import Client, first, in_front_of
from tests.hud.dev.gateway.toy import (
    Json,
    ToyServer,
    ask,
    hang,
    large,
    park,
    report,
    vanish,
    wait_for_cancel,
)

pytestmark = pytest.mark.anyio


async def test_unknown_fields_methods_and_headers_pass(tmp_path: Path) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        assert (await client.call("echo"))["result"]["x-vendor"] == 1
        tools = (await client.ask("tools/list"))["result"]
        assert tools["x-unknown"] == [1]
        assert tools["tools"][0]["inputSchema"]["x-vendor"] == "kept"
        message = {"jsonrpc": "2.0", "id": "é", "method": "vendor/x", "x-top": 1}
        assert (await client.exchange(message, client.headers(**{"x-vendor": "v"})))[0]["id"] == "é"
        assert toy.seen[-1][1]["x-vendor"] == "v"
        heard = toy.clients[-1].heard[-1]
        assert heard == message


async def test_what_belongs_to_this_machine_stays_here(tmp_path: Path) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, behind), Client(front.url) as client:
        await client.initialize()
        private = {"authorization": "Bearer s", "cookie": "a=b", "origin": "http://localhost:1"}
        message = {"jsonrpc": "2.0", "id": 5, "method": "ping"}
        await client.exchange(message, client.headers(**private))
        headers = toy.seen[-1][1]
        assert headers["host"] == f"localhost:{behind.port}"
        assert not {"authorization", "cookie", "origin", "accept-encoding"} & headers.keys()
        assert headers["mcp-session-id"] in toy.sessions


async def test_progress_passes_with_its_unknown_fields(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("report", report)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        params = {"name": "report", "_meta": {"progressToken": "p"}}
        message = {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": params}
        one, two, end = await client.exchange(message)
        assert (one["params"]["progress"], two["params"]["progress"]) == (1, 2)
        assert one["params"] == {"progressToken": "p", "progress": 1, "x-unknown": True}
        assert end["result"]["content"][0]["text"] == "reported"


async def test_a_question_of_the_server_and_its_answer_pass(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("ask", ask)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        async with anyio.create_task_group() as tasks:
            texts: list[str] = []

            async def call() -> None:
                texts.append(await client.text("ask"))

            tasks.start_soon(call)
            session = toy.clients[-1]
            await toy.until(lambda: "ask" in toy.calls)
            answer = {"jsonrpc": "2.0", "id": 1, "result": {"action": "accept", "x-vendor": 1}}
            assert await client.exchange(answer) == []
        assert json.loads(texts[0].removeprefix("toy: ")) == {"action": "accept", "x-vendor": 1}
        assert session.heard[-1] == answer


async def test_a_cancellation_reaches_the_server(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("wait", wait_for_cancel)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        async with anyio.create_task_group() as tasks:
            answers: list[Json] = []

            async def call() -> None:
                answers.append(await client.call("wait"))

            tasks.start_soon(call)
            await toy.until(lambda: "wait" in toy.calls)
            assert await client.tell("notifications/cancelled", {"requestId": 2}) == 202
        assert answers[0]["error"]["message"] == "cancelled by the server"


@pytest.mark.parametrize("size", [12_000_000])
async def test_a_large_result_passes(tmp_path: Path, size: int) -> None:
    toy = ToyServer()
    toy.add("large", large)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        assert len(await client.text("large", size=size)) == size
        assert len(await client.text("echo", text="x" * size)) > size


async def test_a_result_beyond_the_limit_is_an_error_and_the_gateway_goes_on(
    tmp_path: Path,
) -> None:
    toy = ToyServer()
    toy.add("large", large)
    limits = Limits(max_message=100_000)
    async with in_front_of(toy, tmp_path, limits) as (front, _), Client(front.url) as client:
        await client.initialize()
        for tool, arguments in (("large", {"size": 200_000}), ("echo", {"text": "x" * 200_000})):
            error = (await client.call(tool, **arguments))["error"]
            assert "100000 bytes" in error["message"]
        assert await client.text("echo") == "toy: {}"


async def test_a_stream_that_ends_without_the_answer_is_an_error(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("vanish", vanish)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        error = (await client.call("vanish"))["error"]
        assert "`tools/call` of `vanish`: outcome unknown: stream:" in error["message"]
        assert error["data"]["outcome"] == "unknown"
        assert toy.calls == ["vanish"]


async def test_a_lost_call_is_repeated_only_if_the_tool_says_it_may_be(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("reader", vanish, readOnlyHint=True)
    toy.add("setter", vanish, idempotentHint=True)
    toy.add("writer", vanish, readOnlyHint=False)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        for tool in ("reader", "setter", "writer"):
            assert "outcome unknown" in (await client.call(tool))["error"]["message"]
        assert toy.calls == ["reader", "reader", "setter", "setter", "writer"]


async def test_a_parked_stream_is_resumed_where_it_was(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("park", park)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        params = {"name": "park"}
        message = {"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": params}
        assert await client.exchange(message) == []
        async with client.stream(**{"last-event-id": "toy-parked"}) as events:
            assert (await first(events))["result"]["content"][0]["text"] == "toy: resumed"


async def test_a_parked_stream_whose_server_forgot_it_ends_in_an_error(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("park", park)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        message = {"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "park"}}
        await client.exchange(message)
        toy.sessions.clear()
        async with client.stream(**{"last-event-id": "toy-parked"}) as events:
            lost = await first(events)
        assert lost["id"] == 4
        assert "outcome unknown" in lost["error"]["message"]


async def test_an_unknown_place_to_resume_from_is_an_ordinary_stream(tmp_path: Path) -> None:
    async with in_front_of(ToyServer(), tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        async with client.stream(**{"last-event-id": "of-long-ago"}):
            assert front.gateway.status()["streams"] == 1


async def test_a_silent_call_ends_at_its_limit(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("hang", hang)
    limits = Limits(call_seconds=0.3, keep_alive_seconds=0.1)
    async with in_front_of(toy, tmp_path, limits) as (front, _), Client(front.url) as client:
        await client.initialize()
        with anyio.fail_after(2):
            error = (await client.call("hang"))["error"]
        assert "no message within 0.3 s" in error["message"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"[" * 100_000, -32700),
        (b'"text"', -32600),
        (b'{"jsonrpc": "2.0"}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "x"}', -32600),
    ],
)
async def test_what_is_no_message_is_refused(tmp_path: Path, body: Any, code: int) -> None:
    async with in_front_of(ToyServer(), tmp_path) as (front, _), Client(front.url) as client:
        answer = await client.http.post(client.url, content=body, headers=client.headers())
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == code

"""Clients of the newer era, in front of servers of either era and of programs on pipes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tests.hud.dev.gateway.serving import (
    Client,
    first,
    in_front_of,
    modern_headers,
    modern_message,
    none_soon,
)
from tests.hud.dev.gateway.toy import (
    MODERN,
    Json,
    ToyServer,
    Visit,
    ask,
    event,
    hang,
    report,
    wait_for_cancel,
)

pytestmark = pytest.mark.anyio
ERAS = pytest.mark.parametrize("is_modern", [True, False], ids=["modern", "translated"])


@ERAS
async def test_discovery_says_that_lists_change_and_are_stale_at_once(
    tmp_path: Path, is_modern: bool
) -> None:
    async with (
        in_front_of(ToyServer(is_modern=is_modern), tmp_path) as (front, _),
        Client(front.url) as client,
    ):
        result = (await client.modern("server/discover"))[0]["result"]
        assert MODERN in result["supportedVersions"]
        assert result["capabilities"]["tools"]["listChanged"] is True
        assert result["ttlMs"] == 0
        tools = (await client.modern("tools/list"))[0]["result"]
        assert tools["ttlMs"] == 0
        assert tools["x-unknown"] == [1]
        assert tools["tools"][0]["x-unknown"] == 7


@ERAS
async def test_a_call_is_answered_without_a_session(tmp_path: Path, is_modern: bool) -> None:
    toy = ToyServer(is_modern=is_modern)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        answer = (await client.modern("tools/call", {"name": "echo", "arguments": {"n": 1}}))[0]
        assert answer["id"] == 1
        assert answer["result"]["content"][0]["text"] == 'toy: {"n": 1}'
        assert answer["result"]["x-vendor"] == 1
        assert client.last is not None
        assert "mcp-session-id" not in client.last.headers


async def test_a_translated_request_has_no_envelope_but_keeps_the_rest(tmp_path: Path) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        params = {"name": "echo", "x-vendor": 1, "_meta": {"vendor.com/x": 2}}
        answer = (await client.modern("tools/call", params, {"elicitation": {}}))[0]
        assert answer["result"]["resultType"] == "complete"
        session = toy.clients[-1]
        assert session.heard[-1]["params"] == params
        assert session.hello["params"]["clientInfo"] == {"name": "test", "version": "1"}
        assert session.hello["params"]["capabilities"] == {"elicitation": {}}


async def test_clients_that_introduce_themselves_alike_share_an_upstream_session(
    tmp_path: Path,
) -> None:
    toy = ToyServer()
    async with (
        in_front_of(toy, tmp_path) as (front, _),
        Client(front.url) as one,
        Client(front.url) as other,
    ):
        async with anyio.create_task_group() as tasks:
            for client in (one, other) * 4:
                tasks.start_soon(client.modern, "tools/call", {"name": "echo"})
        assert len(toy.clients) == 1
        await one.modern("tools/call", {"name": "echo"}, {"sampling": {}})
        assert len(toy.clients) == 2
        ids = [told["id"] for told in toy.clients[0].heard if "id" in told]
        assert len(ids) == len(set(ids)) == 8


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mcp-method": "tools/list"}, -32020),
        ({"mcp-name": "other"}, -32020),
        ({"mcp-name": "=?base64?!?="}, -32020),
        ({"mcp-protocol-version": "2030-01-01"}, -32020),
    ],
)
async def test_headers_that_contradict_the_body_are_refused(
    tmp_path: Path, change: dict[str, str], code: int
) -> None:
    async with in_front_of(ToyServer(), tmp_path) as (front, _), Client(front.url) as client:
        message = modern_message(1, "tools/call", {"name": "echo"}, {})
        headers = modern_headers("tools/call", {"name": "echo"}) | change
        answer = (await client.exchange(message, headers))[0]
        assert client.last is not None
        assert (client.last.status_code, answer["error"]["code"]) == (400, code)


async def test_names_may_come_in_base64(tmp_path: Path) -> None:
    async with in_front_of(ToyServer(), tmp_path) as (front, _), Client(front.url) as client:
        message = modern_message(1, "tools/call", {"name": "echo"}, {})
        headers = modern_headers("tools/call", {"name": "=?base64?ZWNobw==?="})
        assert "result" in (await client.exchange(message, headers))[0]


@pytest.mark.parametrize(
    "method", ["initialize", "ping", "logging/setLevel", "resources/subscribe"]
)
async def test_methods_that_the_newer_era_dropped_do_not_exist(tmp_path: Path, method: str) -> None:
    async with in_front_of(ToyServer(), tmp_path) as (front, _), Client(front.url) as client:
        error = (await client.modern(method))[0]["error"]
        assert client.last is not None
        assert (client.last.status_code, error["code"]) == (404, -32601)


async def test_another_version_is_refused_with_the_supported_one(tmp_path: Path) -> None:
    async with in_front_of(ToyServer(), tmp_path) as (front, _), Client(front.url) as client:
        message = modern_message(1, "tools/list", {}, {})
        message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2030-01-01"
        headers = modern_headers("tools/list", {}) | {"mcp-protocol-version": "2030-01-01"}
        error = (await client.exchange(message, headers))[0]["error"]
        assert error["code"] == -32022
        assert error["data"] == {"supported": [MODERN], "requested": "2030-01-01"}


async def test_progress_is_reported_under_the_clients_own_token(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("report", report)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        params = {"name": "report", "_meta": {"progressToken": "mine"}}
        one, two, end = await client.modern("tools/call", params)
        assert [note["params"]["progressToken"] for note in (one, two)] == ["mine", "mine"]
        assert one["params"]["x-unknown"] is True
        assert end["result"]["content"][0]["text"] == "reported"


async def test_log_messages_come_only_to_those_who_ask_for_them(tmp_path: Path) -> None:
    async def talk(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
        params = {"level": "info", "data": "said"}
        yield event({"jsonrpc": "2.0", "method": "notifications/message", "params": params})
        yield event(visit.answer("done"))

    toy = ToyServer()
    toy.add("talk", talk)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        assert len(await client.modern("tools/call", {"name": "talk"})) == 1
        meta = {"io.modelcontextprotocol/logLevel": "info"}
        note, _ = await client.modern("tools/call", {"name": "talk", "_meta": meta})
        assert note["params"]["data"] == "said"
        levels = [told for told in toy.clients[-1].heard if told["method"] == "logging/setLevel"]
        assert [told["params"] for told in levels] == [{"level": "info"}]


async def test_a_question_becomes_a_round_trip(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("ask", ask)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        can: Json = {"elicitation": {}}
        params = {"name": "ask", "arguments": {"a": 1}}
        asked = (await client.modern("tools/call", params, can))[0]["result"]
        assert asked["resultType"] == "input_required"
        ((key, question),) = asked["inputRequests"].items()
        assert question["method"] == "elicitation/create"
        assert question["params"]["message"] == "Your name?"
        state = {"requestState": asked["requestState"]}
        given = {"inputResponses": {key: {"action": "accept", "x-vendor": 1}}}
        other = (await client.modern("tools/call", {"name": "echo"} | state | given, can))[0]
        assert other["error"]["code"] == -32602
        again = (await client.modern("tools/call", params | state, can))[0]["result"]
        assert again["resultType"] == "input_required"
        state = {"requestState": again["requestState"]}
        end = (await client.modern("tools/call", params | state | given, can))[0]["result"]
        assert json.loads(end["content"][0]["text"].removeprefix("toy: "))["x-vendor"] == 1
        used = (await client.modern("tools/call", params | state | given, can))[0]
        assert used["error"]["code"] == -32602
    assert toy.calls == ["ask"]


async def test_a_client_that_cannot_answer_is_not_asked(tmp_path: Path) -> None:
    async def ask_in_vain(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
        session = server.sessions[visit.session]
        yield event({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {}})
        await server.until(lambda: any("error" in told for told in session.heard))
        yield event(visit.answer("could not ask"))

    toy = ToyServer()
    toy.add("ask", ask_in_vain)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        answer = (await client.modern("tools/call", {"name": "ask"}))[-1]
        assert answer["result"]["content"][0]["text"] == "could not ask"


async def test_leaving_cancels_the_call_at_a_server_of_the_older_era(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.add("wait", wait_for_cancel)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.modern, "tools/call", {"name": "wait"})
            await toy.until(lambda: "wait" in toy.calls)
            tasks.cancel_scope.cancel()
        heard = toy.clients[-1].heard
        await toy.until(lambda: heard[-1]["method"] == "notifications/cancelled")
        assert heard[-1]["params"]["requestId"] == heard[-2]["id"]


async def test_leaving_closes_the_stream_at_a_server_of_the_newer_era(tmp_path: Path) -> None:
    ended = anyio.Event()

    async def notice(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
        try:
            async for piece in hang(server, visit):
                yield piece
        finally:
            ended.set()

    toy = ToyServer(is_modern=True)
    toy.add("hang", notice)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.modern, "tools/call", {"name": "hang"})
            await toy.until(lambda: "hang" in toy.calls)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            await ended.wait()


async def test_a_subscription_hears_of_resources_of_an_older_server(tmp_path: Path) -> None:
    toy = ToyServer()
    async with (
        in_front_of(toy, tmp_path) as (front, _),
        Client(front.url) as client,
        client.listening(resourceSubscriptions=["toy://a"]) as events,
    ):
        ack = await first(events)
        assert ack["params"]["notifications"] == {"resourceSubscriptions": ["toy://a"]}
        await toy.until(lambda: toy.clients and toy.clients[-1].streams)
        session = toy.clients[-1]
        await toy.until(lambda: "resources/subscribe" in str(session.heard))
        for uri in ("toy://b", "toy://a"):
            method = "notifications/resources/updated"
            note = {"jsonrpc": "2.0", "method": method, "params": {"uri": uri}}
            session.outbox.append(event(note))
        toy.note()
        told = await first(events)
        assert told["params"]["uri"] == "toy://a"
        meta = {"io.modelcontextprotocol/subscriptionId": "listen-1"}
        assert told["params"]["_meta"] == meta
        assert await none_soon(events)


@ERAS
async def test_closing_ends_a_subscription_with_its_result(tmp_path: Path, is_modern: bool) -> None:
    toy = ToyServer(is_modern=is_modern)
    async with (
        in_front_of(toy, tmp_path) as (front, _),
        Client(front.url) as client,
        client.listening(toolsListChanged=True) as events,
    ):
        await first(events)
        await front.gateway.close()
        end = await first(events)
        assert (end["id"], end["result"]["resultType"]) == ("listen-1", "complete")
        with pytest.raises(StopAsyncIteration):
            await first(events)


async def test_get_and_delete_do_not_exist_in_the_newer_era(tmp_path: Path) -> None:
    async with in_front_of(ToyServer(), tmp_path) as (front, _), Client(front.url) as client:
        for method in ("GET", "DELETE"):
            headers = client.headers(**{"mcp-protocol-version": MODERN})
            answer = await client.http.request(method, client.url, headers=headers)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

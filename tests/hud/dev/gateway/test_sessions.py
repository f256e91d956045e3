"""Sessions of the older era: they are the gateway's own, and outlive upstreams and the gateway."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hud.dev.gateway import Gateway, HttpUpstream, Limits
from tests.hud.dev.gateway.serving import (
    QUICK,
    Client,
    first,
    in_front_of,
    none_soon,
    opened,
    serving,
)
from tests.hud.dev.gateway.toy import ToyServer, event

pytestmark = pytest.mark.anyio


def session_files(folder: Path) -> list[Path]:
    return list(folder.glob("*.session.json"))


async def test_the_session_id_is_the_gateways_own_and_hard_to_guess(tmp_path: Path) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        assert client.session is not None
        assert len(client.session) >= 32
        assert client.session not in toy.sessions


async def test_initialize_passes_with_unknown_fields_and_says_that_lists_change(
    tmp_path: Path,
) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        result = (await client.initialize(elicitation={}))["result"]
        assert result["serverInfo"]["x-vendor"] == "kept"
        assert result["capabilities"]["tools"] == {"listChanged": True}
        assert result["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}
        hello = toy.clients[-1].hello
        assert hello["params"]["clientInfo"]["x-vendor"] == "kept"
        assert hello["params"]["capabilities"] == {"elicitation": {}}


async def test_each_client_has_an_upstream_session_of_its_own(tmp_path: Path) -> None:
    toy = ToyServer()
    async with (
        in_front_of(toy, tmp_path) as (front, _),
        Client(front.url) as one,
        Client(front.url) as other,
    ):
        await one.initialize()
        await other.initialize()
        assert one.session != other.session
        assert len(toy.clients) == 2


async def test_a_session_survives_the_gateway(tmp_path: Path) -> None:
    toy = ToyServer()
    async with serving(toy.app) as behind, Client("") as client:
        async with opened(HttpUpstream(behind.url), tmp_path) as front:
            client.url = front.url
            await client.initialize(roots={"x-vendor": 1})
            await client.ask("logging/setLevel", {"level": "debug"})
            await client.ask("resources/subscribe", {"uri": "toy://a"})
        toy.sessions.clear()
        async with opened(HttpUpstream(behind.url), tmp_path) as front:
            client.url = front.url
            assert await client.text("echo", n=1) == 'toy: {"n": 1}'
        session = toy.clients[-1]
        assert session.hello["params"]["capabilities"] == {"roots": {"x-vendor": 1}}
        assert [told["method"] for told in session.heard] == [
            "notifications/initialized",
            "logging/setLevel",
            "resources/subscribe",
            "tools/call",
        ]


async def test_only_the_owner_can_read_the_session_files(tmp_path: Path) -> None:
    async with (
        in_front_of(ToyServer(), tmp_path / "state") as (front, _),
        Client(front.url) as client,
    ):
        await client.initialize()
    files = list((tmp_path / "state").iterdir())
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


async def test_a_broken_session_file_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "x.session.json").write_text("{")
    (tmp_path / "y.session.json").write_text(json.dumps({"id": "z", "initialize": {"id": 1}}))
    async with in_front_of(ToyServer(), tmp_path) as (front, _):
        assert front.gateway.status()["sessions"] == 0
    assert session_files(tmp_path) == []


async def test_unknown_and_deleted_sessions_are_not_found(tmp_path: Path) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        client.session = "never-issued"
        await client.call("echo")
        assert client.last is not None
        assert client.last.status_code == 404
        await client.initialize()
        upstream_id = next(reversed(toy.sessions))
        assert (await client.http.delete(client.url, headers=client.headers())).status_code == 200
        assert upstream_id in toy.deleted
        await client.call("echo")
        assert client.last.status_code == 404
    assert session_files(tmp_path) == []


async def test_an_idle_session_ends_but_not_one_with_an_open_stream(tmp_path: Path) -> None:
    toy = ToyServer()
    limits = Limits(idle_seconds=0.3)
    async with (
        in_front_of(toy, tmp_path, limits) as (front, _),
        Client(front.url) as idle,
        Client(front.url) as listening,
    ):
        await listening.initialize()
        async with listening.stream():
            await idle.initialize()
            upstream_id = next(reversed(toy.sessions))
            await toy.until(lambda: upstream_id in toy.deleted)
            await idle.call("echo")
            assert idle.last is not None
            assert idle.last.status_code == 404
            assert await listening.text("echo") == "toy: {}"


async def test_too_many_sessions_are_refused(tmp_path: Path) -> None:
    async with (
        in_front_of(ToyServer(), tmp_path, Limits(max_sessions=1)) as (front, _),
        Client(front.url) as one,
        Client(front.url) as other,
    ):
        await one.initialize()
        with pytest.raises(KeyError):
            await other.initialize()
        assert other.last is not None
        assert other.last.status_code == 503
        assert "retry-after" in other.last.headers


async def test_a_session_that_the_upstream_forgot_is_opened_again_unseen(tmp_path: Path) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        toy.sessions.clear()
        async with anyio.create_task_group() as tasks:
            texts: list[str] = []

            async def call() -> None:
                texts.append(await client.text("echo"))

            for _ in range(5):
                tasks.start_soon(call)
        assert texts == ["toy: {}"] * 5
        assert len(toy.clients) == 1


async def test_a_request_without_a_session_is_the_upstreams_to_judge(tmp_path: Path) -> None:
    async with in_front_of(ToyServer(), tmp_path) as (front, _), Client(front.url) as client:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        await client.exchange(message)
        assert client.last is not None
        assert client.last.status_code == 400


async def test_what_the_server_says_by_itself_reaches_the_open_stream(tmp_path: Path) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        async with client.stream() as events:
            session = toy.clients[-1]
            await toy.until(lambda: session.streams)
            note = {"jsonrpc": "2.0", "method": "notifications/vendor", "params": {"x": 1}}
            session.outbox.append(event(note, "7"))
            toy.note()
            assert await first(events) == note


async def test_a_second_stream_takes_the_place_of_the_first(tmp_path: Path) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        async with client.stream() as old, client.stream():
            with pytest.raises(StopAsyncIteration), anyio.fail_after(5):
                await anext(old)


async def test_a_server_without_a_stream_of_its_own_is_no_hindrance(tmp_path: Path) -> None:
    toy = ToyServer()
    toy.get_status = 405
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        async with client.stream() as events:
            assert await none_soon(events)


async def test_silent_streams_are_kept_alive(tmp_path: Path) -> None:
    limits = Limits(keep_alive_seconds=0.05)
    async with (
        in_front_of(ToyServer(), tmp_path, limits) as (front, _),
        Client(front.url) as client,
    ):
        await client.initialize()
        headers = client.headers(accept="text/event-stream")
        async with client.http.stream("GET", client.url, headers=headers) as response:
            with anyio.fail_after(5):
                lines = response.aiter_lines()
                heard = [await anext(lines) for _ in range(5)]
        assert ": keep-alive" in heard


async def test_too_many_calls_are_refused(tmp_path: Path) -> None:
    limits = Limits(max_calls=0, hold_seconds=QUICK.hold_seconds)
    toy = ToyServer()
    async with (
        serving(toy.app) as behind,
        opened(HttpUpstream(behind.url), tmp_path, limits) as front,
        Client(front.url) as client,
    ):
        message = {"jsonrpc": "2.0", "id": 9, "method": "ping"}
        answer = (await client.exchange(message))[0]
        assert client.last is not None
        assert (client.last.status_code, answer["id"]) == (429, 9)


async def test_too_many_streams_are_refused(tmp_path: Path) -> None:
    async with (
        in_front_of(ToyServer(), tmp_path, Limits(max_streams=1)) as (front, _),
        Client(front.url) as one,
        Client(front.url) as other,
    ):
        await one.initialize()
        await other.initialize()
        async with one.stream():
            headers = other.headers(accept="text/event-stream")
            assert (await other.http.get(other.url, headers=headers)).status_code == 429
            listen = await other.modern("subscriptions/listen", {"notifications": {}})
            assert "1 streams are open already" in listen[0]["error"]["message"]


async def test_a_gateway_can_be_mounted_under_a_prefix(tmp_path: Path) -> None:
    toy = ToyServer()
    async with serving(toy.app) as behind:
        gateway = Gateway(HttpUpstream(behind.url), folder=tmp_path, limits=QUICK)
        app = Starlette(routes=[Mount("/letters", gateway.app)])
        async with gateway, serving(app) as running:
            base = running.url.removesuffix("/mcp")
            async with Client(f"{base}/letters/mcp") as client:
                await client.initialize()
                assert await client.text("echo") == "toy: {}"
                status = (await client.http.get(f"{base}/letters/status")).json()
                assert (status["state"], status["sessions"]) == ("serving", 1)

"""Events as a stream: where it begins, that it goes on, and that it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import httpx2
import pytest
from starlette.requests import ClientDisconnect

from controller.api import events
from controller.api.events import MOST_STREAMS, EventStream, OpenStreams
from controller.app import create_app
from controller.errors import Busy
from controller.settings import ControllerSettings
from controller.store import Store
from hud.client import Client
from tests.controller.records import job, newest_event
from tests.controller.running import RunningController

STREAM = {"accept": "text/event-stream"}
SHORTEST_PATIENCE = 30
"""Seconds after which the most impatient of proxies and clients gives a silent stream up."""


@pytest.fixture(scope="module")
def http(controller: RunningController) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {controller.token}"}
    base = f"{controller.url}/api/v1"
    with httpx2.Client(base_url=base, headers=headers, timeout=20, trust_env=False) as client:
        yield client


def first(http: httpx2.Client, count: int, path: str = "/events", **headers: str) -> list[str]:
    """The first lines of a stream that are not empty."""
    lines: list[str] = []
    with http.stream("GET", path, headers=STREAM | headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            lines += [line] if line else []
            if len(lines) == count:
                return lines
    return lines


@pytest.fixture(scope="module")
def numbers(controller: RunningController) -> list[int]:
    """The numbers of three events."""
    with controller.client() as client:
        before = newest_event(client)
        for number in range(3):
            client.record_job(job(f"event-{number}", "one"))
        return [event.id for event in client.past_events(before, kinds=["job"])]


def test_the_stream_begins_after_a_number(http: httpx2.Client, numbers: list[int]) -> None:
    after = numbers[0] - 1
    lines = first(http, 4, f"/events?after={after}&kind=job")
    assert lines[:3] == [f"id: {after}", f"id: {numbers[0]}", "event: job"]
    assert '"subject":"event-0"' in lines[3]


def test_the_last_event_that_was_seen_comes_before_the_number(
    http: httpx2.Client, numbers: list[int]
) -> None:
    lines = first(http, 4, "/events?after=0", **{"last-event-id": str(numbers[1] - 1)})
    assert '"subject":"event-1"' in lines[3]


def test_without_a_number_it_begins_with_what_happens_next(
    http: httpx2.Client, client: Client, numbers: list[int]
) -> None:
    with http.stream("GET", "/events?kind=job", headers=STREAM) as answer:
        lines = (line for line in answer.iter_lines() if line)
        assert int(next(lines).removeprefix("id: ")) >= numbers[2]
        client.record_job(job("event-later", "one"))
        assert '"subject":"event-later"' in [next(lines), next(lines), next(lines)][2]


@pytest.mark.parametrize("number", ["x", "-1", "1e3", "9" * 30])
def test_what_is_no_number_is_refused(http: httpx2.Client, number: str) -> None:
    assert http.get("/events", headers=STREAM | {"last-event-id": number}).status_code == 400


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Any]:
    """What a stream needs of a platform."""
    store = await Store.open(f"sqlite:///{tmp_path / 'hud.db'}")
    yield SimpleNamespace(
        token="token", settings=ControllerSettings(), store=store, closing=asyncio.Event()
    )
    await store.aclose()


async def streamed(platform: Any, parts: int) -> list[str]:
    """What comes of a stream whose client is gone after so many parts."""
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer token")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": "GET",
        "path": "/api/v1/events",
        "query_string": b"",
        "headers": [*headers, (b"accept", b"text/event-stream")],
    }
    told: list[str] = []
    enough = anyio.Event()
    incoming = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        for message in incoming:
            return message
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        told.extend([message["body"].decode()] if message.get("body") else [])
        if len(told) == parts:
            enough.set()

    with anyio.fail_after(10):
        await create_app(platform)(scope, receive, send)
    return told


@pytest.mark.anyio
async def test_a_stream_ends_when_its_client_is_gone(platform: Any) -> None:
    assert await streamed(platform, 1) == ["id: 0\n\n"]


@pytest.mark.anyio
async def test_a_silent_stream_is_kept_alive(
    platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert events.KEEP_ALIVE_SECONDS < SHORTEST_PATIENCE
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.01)
    assert await streamed(platform, 3) == ["id: 0\n\n", ": keep-alive\n\n", ": keep-alive\n\n"]


def test_only_so_many_streams_are_open_at_a_time() -> None:
    streams = OpenStreams(most=2)
    for _ in range(2):
        streams.add()
    with pytest.raises(Busy, match="2 streams of events are open"):
        streams.add()
    streams.remove()
    streams.add()


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_stream_beyond_the_most_is_told_so(controller: RunningController) -> None:
    headers = STREAM | {"authorization": f"Bearer {controller.token}"}
    limits = httpx2.Limits(max_connections=MOST_STREAMS + 1)
    request = httpx2.Request("GET", f"{controller.url}/api/v1/events", headers=headers)
    async with (
        httpx2.AsyncClient(limits=limits, trust_env=False) as http,
        AsyncExitStack() as stack,
    ):
        for _ in range(MOST_STREAMS):
            answer = await http.send(request, stream=True)
            stack.push_async_callback(answer.aclose)
            assert answer.status_code == 200
        refused = await http.send(request)
    told = (refused.status_code, refused.headers["content-type"])
    assert told == (503, "application/problem+json")


@pytest.mark.anyio
async def test_a_stream_that_ends_makes_room() -> None:
    async def parts() -> AsyncIterator[str]:
        yield "id: 1"

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def gone(_: object) -> None:
        raise OSError

    streams = OpenStreams(most=1)
    for _ in range(2):
        with pytest.raises((ClientDisconnect, OSError)):
            await EventStream(parts(), streams)(
                {"type": "http", "asgi": {"spec_version": "2.4"}}, receive, gone
            )

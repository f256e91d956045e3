"""Events as a stream: where it begins, that it goes on, and that it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import httpx2
import pytest
from starlette.requests import ClientDisconnect

from controller.api.events import KEEP_ALIVE_SECONDS, MOST_STREAMS, EventStream, OpenStreams
from controller.app import create_app
from controller.errors import Busy
from controller.settings import ControllerSettings
from controller.store import Store
from hud.client import Client
from tests.controller.records import job
from tests.controller.running import RunningController, running_controller

STREAM = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def http(controller: RunningController) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {controller.token}"}
    base, seconds = f"{controller.url}/api/v1", KEEP_ALIVE_SECONDS + 10
    with httpx2.Client(base_url=base, headers=headers, timeout=seconds, trust_env=False) as client:
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
def begin(controller: RunningController) -> int:
    """The number of an event after which there are exactly three."""
    with controller.client() as client:
        begin = client.past_events(limit=1000)
        for number in range(3):
            client.record_job(job(f"event-{number}", "one"))
        return begin[-1].id if begin else 0


def test_the_stream_begins_after_a_number(http: httpx2.Client, begin: int) -> None:
    lines = first(http, 4, f"/events?after={begin}&kind=job")
    assert lines[:3] == [f"id: {begin}", f"id: {begin + 1}", "event: job"]
    assert '"subject":"event-0"' in lines[3]


def test_the_last_event_that_was_seen_comes_before_the_number(
    http: httpx2.Client, begin: int
) -> None:
    lines = first(http, 4, "/events?after=0", **{"last-event-id": str(begin + 1)})
    assert '"subject":"event-1"' in lines[3]


def test_without_a_number_it_begins_with_what_happens_next(
    http: httpx2.Client, client: Client, begin: int
) -> None:
    with http.stream("GET", "/events", headers=STREAM) as answer:
        lines = (line for line in answer.iter_lines() if line)
        assert int(next(lines).removeprefix("id: ")) >= begin + 3
        client.record_job(job("event-later", "one"))
        assert [
            '"subject":"event-later"' in line for line in (next(lines), next(lines), next(lines))
        ][2]


@pytest.mark.parametrize("number", ["x", "-1", "1e3", "9" * 30])
def test_what_is_no_number_is_refused(http: httpx2.Client, number: str) -> None:
    assert http.get("/events", headers=STREAM | {"last-event-id": number}).status_code == 400


@pytest.mark.slow
def test_a_silent_stream_is_kept_alive(http: httpx2.Client, begin: int) -> None:
    lines = first(http, 2, f"/events?after={begin}&kind=nothing")
    assert lines == [f"id: {begin}", ": keep-alive"]


@pytest.mark.slow
def test_the_controller_ends_at_once_although_somebody_listens(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running_controller(tmp_path_factory.mktemp("ending")) as running:
        headers = STREAM | {"authorization": f"Bearer {running.token}"}
        url = f"{running.url}/api/v1/events"
        with httpx2.stream("GET", url, headers=headers, timeout=20, trust_env=False) as answer:
            lines = answer.iter_lines()
            next(lines)
            before = time.monotonic()
            running.process.terminate()
            assert list(lines)[-1:] in ([], [""])
            running.process.wait(15)
        assert time.monotonic() - before < 15
    assert running.process.returncode == 0
    assert "Traceback" not in running.log()


@pytest.mark.anyio
async def test_a_stream_ends_when_its_client_is_gone(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'hud.db'}")
    platform: Any = SimpleNamespace(
        token="token", settings=ControllerSettings(), store=store, closing=asyncio.Event()
    )
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer token")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": "GET",
        "path": "/api/v1/events",
        "query_string": b"",
        "headers": [*headers, (b"accept", b"text/event-stream")],
    }
    begun = anyio.Event()
    incoming = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        for message in incoming:
            return message
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message.get("body"):
            begun.set()

    with anyio.fail_after(10):
        await create_app(platform)(scope, receive, send)
    assert begun.is_set()
    await store.aclose()


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

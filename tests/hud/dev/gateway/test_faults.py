"""Every way in which a server can fail ends in an error that names the stage, in time."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from hud.dev.gateway import HttpUpstream, Interrupted, Limits, NotDelivered
from tests.hud.dev.gateway.faults import Fault, faulty
from tests.hud.dev.gateway.serving import Client, free_socket, opened

pytestmark = pytest.mark.anyio

QUICK = Limits(
    hold_seconds=0.4,
    start_seconds=0.3,
    initialize_seconds=0.4,
    list_seconds=0.4,
    call_seconds=0.4,
    call_maximum=0.6,
    close_seconds=0.1,
)
FAULTS: tuple[Fault, ...] = (
    "reset",
    "close",
    "half head",
    "half body",
    "half stream",
    "drip",
    "hang",
    "nonsense",
)
LIMIT = 1.6
"""Seconds: the longest limit above, and one more."""


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_call_that_fails_ends_with_its_stage(tmp_path: Path, fault: Fault) -> None:
    async with (
        faulty() as server,
        opened(HttpUpstream(server.url), tmp_path, QUICK) as front,
        Client(front.url) as client,
    ):
        await client.initialize()
        server.fail("tools/call", fault)
        with anyio.fail_after(LIMIT):
            error = (await client.call("echo"))["error"]
        assert error["data"]["outcome"] == "unknown"
        assert error["data"]["stage"] in ("answer", "body", "stream")
        assert server.failures == 1
        server.fail("", None)
        assert await client.text("echo") == "fine"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    "stage", ["server/discover", "initialize", "tools/list", "prompts/list", "resources/list"]
)
async def test_a_new_version_that_fails_does_not_come_into_service(
    tmp_path: Path, fault: Fault, stage: str
) -> None:
    async with faulty() as server, opened(None, tmp_path, QUICK) as front:
        server.fail(stage, fault)
        with anyio.fail_after(LIMIT), pytest.raises(Interrupted) as failure:
            await front.gateway.swap(HttpUpstream(server.url), cause="test")
        assert failure.value.stage == ("list" if stage.endswith("/list") else "initialize")
        assert front.gateway.status()["generation"] == 0


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_first_contact_that_fails_is_told_to_the_client(
    tmp_path: Path, fault: Fault
) -> None:
    async with faulty() as server, opened(HttpUpstream(server.url), tmp_path, QUICK) as front:
        await front.until("serving")
        server.fail("initialize", fault)
        async with Client(front.url) as client:
            message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
            with anyio.fail_after(2 * LIMIT):
                error = (await client.exchange(message))[0]["error"]
        assert "`initialize`" in error["message"]


async def test_a_refused_connection_is_waited_for_then_named(tmp_path: Path) -> None:
    with free_socket() as closed:
        upstream = HttpUpstream(f"http://127.0.0.1:{closed.getsockname()[1]}/mcp")
        async with opened(upstream, tmp_path, QUICK) as front, Client(front.url) as client:
            message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
            with anyio.fail_after(LIMIT):
                error = (await client.exchange(message))[0]["error"]
            assert client.last is not None
            assert client.last.status_code == 503
            assert "connect: cannot connect" in error["message"]
            with pytest.raises(NotDelivered):
                await front.gateway.swap(upstream, cause="test")


async def test_a_connection_that_is_not_accepted_ends_at_its_limit(tmp_path: Path) -> None:
    with free_socket() as full:
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [await anyio.connect_tcp("127.0.0.1", port) for _ in range(1)]
        upstream = HttpUpstream(f"http://127.0.0.1:{port}/mcp", connect_seconds=0.2)
        async with opened(None, tmp_path, QUICK) as front:
            with anyio.fail_after(LIMIT), pytest.raises((NotDelivered, Interrupted)) as failure:
                await front.gateway.swap(upstream, cause="test")
        assert failure.value.stage in ("connect", "initialize")
        for stream in waiting:
            await stream.aclose()


async def test_a_client_that_leaves_ends_its_call_at_the_server(tmp_path: Path) -> None:
    async with (
        faulty() as server,
        opened(HttpUpstream(server.url), tmp_path) as front,
        Client(front.url) as client,
    ):
        await client.initialize()
        server.fail("tools/call", "hang")
        with anyio.move_on_after(0.3):
            await client.call("echo")
        await front.until("serving", calls=0)


@pytest.mark.parametrize(
    ("route", "status", "expected"),
    [("/health", 200, "ok"), ("/ready", 503, "not ready")],
)
async def test_health_is_about_the_gateway_and_readiness_about_the_environment(
    tmp_path: Path, route: str, status: int, expected: str
) -> None:
    async with faulty() as server, opened(HttpUpstream(server.url), tmp_path, QUICK) as front:
        await front.until("serving")
        server.fail("tools/list", "hang")
        async with Client(front.url) as client:
            answer = await client.http.get(f"{front.base}{route}")
        assert (answer.status_code, answer.json()["status"]) == (status, expected)

"""Who may reach the gateway, with what, on every route."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from hud.dev.gateway import HttpUpstream, Limits
from tests.hud.dev.gateway.serving import QUICK, Client, in_front_of, opened, serving
from tests.hud.dev.gateway.toy import ToyServer

pytestmark = pytest.mark.anyio

ROUTES = [
    ("GET", "/status"),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/mcp"),
    ("POST", "/mcp"),
    ("DELETE", "/mcp"),
    ("OPTIONS", "/mcp"),
    ("GET", "/no-such-route"),
]
FOREIGN_HOSTS = [
    "evil.com",
    "localhost.evil.com",
    "localhost:8765.evil.com",
    "localhost.",
    "user@localhost",
    "127.0.0.1.evil.com:80",
    "0.0.0.0:80",
    "localhost:port",
    "",
]
FOREIGN_ORIGINS = [
    "http://evil.com",
    "null",
    "http://localhost.evil.com",
    "http://localhost:8765.evil.com",
    "http://user@localhost",
    "http://localhost/",
    "file://localhost",
    "localhost",
    "",
]


@pytest.mark.parametrize(("method", "route"), ROUTES)
async def test_every_route_is_closed_to_foreign_hosts_and_origins(
    tmp_path: Path, method: str, route: str
) -> None:
    async with opened(None, tmp_path) as front, Client(front.url) as client:
        url = f"{front.base}{route}"
        json = {"content-type": "application/json"}
        for host in FOREIGN_HOSTS:
            answer = await client.http.request(method, url, headers=json | {"host": host})
            assert answer.status_code in ((421,) if host else (400, 421)), host
        for origin in FOREIGN_ORIGINS:
            answer = await client.http.request(method, url, headers=json | {"origin": origin})
            assert answer.status_code == 403, origin


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:8765", "box:9"]
)
async def test_this_machine_and_the_names_it_was_given_may_enter(tmp_path: Path, host: str) -> None:
    async with opened(None, tmp_path, hosts=["box"]) as front, Client(front.url) as client:
        headers = {"host": host, "origin": f"http://{host}"}
        answer = await client.http.get(f"{front.base}/health", headers=headers)
        assert answer.json() == {"status": "ok"}
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_no_page_of_another_origin_is_given_leave(tmp_path: Path) -> None:
    async with opened(None, tmp_path) as front, Client(front.url) as client:
        asked = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
        answer = await client.http.options(front.url, headers=asked)
        assert answer.status_code == 405
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_doubled_hosts_and_origins_are_refused(tmp_path: Path) -> None:
    async with opened(None, tmp_path) as front, Client(front.url) as client:
        url = f"{front.base}/health"
        twice = [("origin", "http://localhost:1"), ("origin", "http://localhost:1")]
        assert (await client.http.get(url, headers=twice)).status_code == 403
        port = int(front.base.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n")
            with anyio.fail_after(3):
                assert (await stream.receive())[9:12] in (b"400", b"421")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_what_a_page_can_send_unasked_is_no_message(tmp_path: Path, kind: str) -> None:
    async with opened(None, tmp_path) as front, Client(front.url) as client:
        headers = {"content-type": kind} if kind else {}
        answer = await client.http.post(front.url, content=b"{}", headers=headers)
        assert answer.status_code == 415


async def test_bodies_and_headers_have_limits(tmp_path: Path) -> None:
    limits = Limits(max_body=1000, max_header=1000)
    async with opened(None, tmp_path, limits) as front, Client(front.url) as client:
        answer = await client.http.post(front.url, content=b"x" * 1001, headers=client.headers())
        assert answer.status_code == 413

        async def pieces() -> object:
            for _ in range(3):
                yield b"x" * 500

        answer = await client.http.post(front.url, content=pieces(), headers=client.headers())  # type: ignore[arg-type]
        assert answer.status_code == 413
        answer = await client.http.get(f"{front.base}/health", headers={"x": "y" * 1000})
        assert answer.status_code == 431


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    async with opened(None, tmp_path, Limits(body_seconds=0.2)) as front:
        port = int(front.base.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            await stream.send(f"{head}content-length: 10\r\n\r\n{{".encode())
            with anyio.fail_after(3):
                assert b" 408 " in await stream.receive()


async def test_credentials_and_redirects_of_the_environment_do_not_pass(tmp_path: Path) -> None:
    toy = ToyServer()
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        await client.initialize()
        toy.app.router.routes[0].app = _redirect  # type: ignore[attr-defined]
        error = (await client.call("echo"))["error"]
        assert "redirects are not followed" in error["message"]
        assert client.last is not None
        assert (
            not {"location", "set-cookie", "access-control-allow-origin"}
            & client.last.headers.keys()
        )


async def _redirect(scope: object, receive: object, send: object) -> None:
    headers = [
        (b"location", b"http://169.254.169.254/"),
        (b"set-cookie", b"a=b"),
        (b"access-control-allow-origin", b"*"),
    ]
    await send({"type": "http.response.start", "status": 307, "headers": headers})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]


async def test_authorization_passes_where_it_is_asked_for(tmp_path: Path) -> None:
    toy = ToyServer()
    async with serving(toy.app) as behind:
        upstream = HttpUpstream(behind.url)
        async with (
            opened(upstream, tmp_path, QUICK, passes_authorization=True) as front,
            Client(front.url) as client,
        ):
            await client.initialize()
            message = {"jsonrpc": "2.0", "id": 5, "method": "ping"}
            await client.exchange(message, client.headers(authorization="Bearer t"))
    assert toy.seen[-1][1]["authorization"] == "Bearer t"

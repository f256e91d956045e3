"""HTTP answers as they come over the wire, in every framing, proper or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hud.dev.gateway import HttpUpstream, Interrupted
from hud.dev.gateway.upstreams.upstream import Outgoing, Reply, read_all
from hud.errors import UserError

pytestmark = pytest.mark.anyio

ASK = Outgoing("POST", [(b"content-type", b"application/json")], b"{}")


@asynccontextmanager
async def answering(*answers: bytes, path: str | None = None) -> AsyncIterator[HttpUpstream]:
    """A server that answers each request with the next of `answers`, cut into single bytes."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while left:
                await reader.readuntil(b"\r\n\r\n")
                answer = left.pop(0)
                for byte in answer[:500]:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0)
                writer.write(answer[500:])
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    if path is not None:
        server = await asyncio.start_unix_server(serve, path)
        upstream = HttpUpstream("http://localhost/mcp", socket_path=path)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        upstream = HttpUpstream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp")
    try:
        yield upstream
    finally:
        await upstream.aclose()
        server.close()


async def ask(upstream: HttpUpstream) -> tuple[Reply, bytes]:
    reply = await upstream.send(ASK)
    try:
        return reply, await read_all(reply, 1000)
    finally:
        reply.close()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 204 None\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n", 202, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", 200, b"to the end"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2;x=y\r\nhi\r\n03\r\n ho\r\n0\r\ntrailer: 1\r\n\r\n",
            200,
            b"hi ho",
        ),
    ],
)
async def test_every_framing_is_understood(answer: bytes, status: int, body: bytes) -> None:
    async with answering(answer) as upstream:
        reply, got = await ask(upstream)
        assert (reply.status, got) == (status, body)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_broken_is_an_interruption(answer: bytes) -> None:
    async with answering(answer) as upstream:
        with pytest.raises(Interrupted):
            await ask(upstream)


async def test_a_connection_is_used_again_only_after_a_whole_answer() -> None:
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
    async with answering(whole, whole, whole) as upstream:
        first = await upstream.send(ASK)
        await read_all(first, 10)
        first.close()
        second = await upstream.send(ASK)
        assert second._connection is first._connection
        second.close()
        third = await upstream.send(ASK)
        assert third._connection is not second._connection
        third.close()


async def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
    async with answering(answer, path=str(tmp_path / "s")) as upstream:
        assert (await ask(upstream))[1] == b"hi"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "localhost:80", "http://", "ftp://a/b"])
def test_only_http_urls_are_upstreams(url: str) -> None:
    with pytest.raises(UserError):
        HttpUpstream(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:80/mcp", b"localhost:80"),
        ("http://172.17.0.2:8000/mcp", b"localhost:8000"),
        ("http://[::1]:8000/mcp", b"localhost:8000"),
        ("http://env:8000/mcp", b"localhost:8000"),
        ("http://mcp.example.com:8000/mcp", b"mcp.example.com:8000"),
        ("https://mcp.example.com/mcp", b"mcp.example.com"),
    ],
)
def test_the_host_is_one_that_the_server_accepts(url: str, host: bytes) -> None:
    assert HttpUpstream(url)._host == host

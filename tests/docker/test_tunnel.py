"""Ports of containers, from within a container: no network leads there, a tunnel does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from hud.containers import Container, ContainerSpec, Engine, Sandbox
from hud.containers.dwelling import Dwelling

pytestmark = [pytest.mark.anyio, pytest.mark.docker]

IMAGE = "python:3.11-slim"
SECONDS = 30.0
ECHO = """
import http.server
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Echo).serve_forever()
"""


@asynccontextmanager
async def echoing() -> AsyncIterator[Container]:
    """A container without any network that echoes over HTTP."""
    async with Engine(dwelling=Dwelling({"/": "/"})) as engine:
        spec = ContainerSpec(
            image=IMAGE, command=("python", "-c", ECHO), sandbox=Sandbox(network="none")
        )
        async with engine.container(spec) as container:
            await container.start()
            yield container


async def posted(url: str, body: bytes, client: httpx2.AsyncClient) -> bytes:
    """What is echoed, once something listens."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return (await client.post(url, content=body)).content
            except httpx2.TransportError:
                await asyncio.sleep(0.1)


async def test_a_port_is_reached_without_a_network() -> None:
    async with echoing() as container, httpx2.AsyncClient(timeout=SECONDS) as client:
        host, port = await container.address(8000)
        assert (host, (await container.address(8000))[1]) == ("127.0.0.1", port)
        url = f"http://{host}:{port}/"
        assert await posted(url, b"hello", client) == b"hello"
        large = bytes(range(256)) * 8192
        answers = await asyncio.gather(*(posted(url, large, client) for _ in range(4)))
        assert set(answers) == {large}


async def test_where_nothing_listens_the_connection_ends() -> None:
    async with echoing() as container:
        host, port = await container.address(9999)
        reader, writer = await asyncio.open_connection(host, port)
        async with asyncio.timeout(SECONDS):
            assert await reader.read() == b""
        writer.close()


async def test_a_tunnel_goes_with_its_container() -> None:
    async with echoing() as container:
        host, port = await container.address(8000)
        async with httpx2.AsyncClient(timeout=SECONDS) as client:
            await posted(f"http://{host}:{port}/", b"hello", client)
            await container.remove()
            with pytest.raises(OSError, match="Connect call failed"):
                await asyncio.open_connection(host, port)

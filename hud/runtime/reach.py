"""How the server of an image is reached: over stdin and stdout, or over HTTP at a port.

1. What an image's command says decides: `--stdio`, a port, `hud dev`.
2. An image that names a port says by that nothing certain: it may be a database's. A container of
   it is asked both ways, once for each image in this process.
3. Every other image speaks over stdin and stdout.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import anyio
import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from hud.containers import Container, Containers, ContainerSpec, Image, Stdio
from hud.errors import DockerFailure
from hud.settings import get_settings

HTTP_PATH = "/mcp"
CONNECT_TIMEOUT = 10.0
POLL_SECONDS = 0.05
ASKING_SECONDS = 60.0
"""Seconds that an image may take to answer one way or the other, when it is asked both."""
DEV_PORT = 8765
"""Where `hud dev` serves that is told nothing else."""
SAID_PORT = re.compile(r"(?:--port|-p|\bport)(?:=| +)(\d+)")
SAID_DEV = re.compile(r"\bhud(?:\.cli)? dev\b")
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "hud", "version": "0"},
    },
}

_found: dict[tuple[str, tuple[str, ...]], int | None] = {}


def command_of(image: Image, spec: ContainerSpec) -> tuple[str, ...]:
    """What a container runs. As the engine has it, an entry point of its own takes the image's
    command away.
    """
    kept = () if spec.entrypoint else image.command
    entrypoint = image.entrypoint if spec.entrypoint is None else spec.entrypoint
    return (*entrypoint, *(kept if spec.command is None else spec.command))


def possible_ports(image: Image, spec: ContainerSpec) -> tuple[int | None, ...]:
    """Where an image may serve MCP, likeliest first; None stands for stdin and stdout."""
    command = " ".join(command_of(image, spec))
    if "--stdio" in command:
        return (None,)
    if said := SAID_PORT.search(command):
        return (int(said[1]),)
    if SAID_DEV.search(command):
        return (DEV_PORT,)
    return (image.ports[0], None) if image.ports else (None,)


async def find_port(
    engine: Containers, image: Image, spec: ContainerSpec, *, seconds: float = ASKING_SECONDS
) -> int | None:
    """The port that an image serves MCP on, or None if it speaks over stdin and stdout.

    `spec` may change its command. One that gives no answer either way within the time is taken for
    a server at the port that it names.
    """
    first, *others = possible_ports(image, spec)
    key = (image.id, command_of(image, spec))
    if first is None or not others:
        return first
    if key not in _found:
        async with engine.container(_asked(spec, first)) as container:
            with anyio.move_on_after(seconds):
                _found[key] = await _ask_both(container, first)
    return _found.get(key, first)


def _asked(spec: ContainerSpec, port: int) -> ContainerSpec:
    return replace(spec_reached_at(spec, port), stdin=True, name=None, ports={})


async def _ask_both(container: Container, port: int) -> int | None:
    """Which way a container's server answers first; by the port if it ends before it answers."""
    stdio = await container.attach()
    asking = {
        asyncio.ensure_future(_until_stdio_answers(stdio)): None,
        asyncio.ensure_future(_until_http_answers(container, port)): port,
    }
    try:
        await container.start()
        done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        return asking[done.pop()]
    finally:
        with anyio.CancelScope(shield=True):
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            await stdio.aclose()


async def _until_stdio_answers(stdio: Stdio) -> None:
    """Return when a server on stdin and stdout has answered; never if there is none."""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        await stdio.send(json.dumps(INITIALIZE).encode() + b"\n")
        printed = b""
        while b'"jsonrpc"' not in printed:
            printed = printed.rpartition(b"\n")[2] + await stdio.receive()
        return
    await anyio.sleep_forever()


async def _until_http_answers(container: Container, port: int) -> None:
    """Return when a server at the port has answered, or the container has ended."""
    while True:
        with suppress(DockerFailure):
            if await _speaks_http(*await container.address(port), port):
                return
            if not (await container.state()).is_running:
                return
        await asyncio.sleep(POLL_SECONDS)


async def _speaks_http(host: str, reached: int, port: int) -> bool:
    headers = {"Host": f"localhost:{port}", "Accept": "application/json, text/event-stream"}
    try:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=CONNECT_TIMEOUT) as http,
            http.stream("POST", url_of(host, reached), json=INITIALIZE) as answer,
        ):
            return answer.is_success
    except httpx2.HTTPError:
        return False


def spec_reached_at(spec: ContainerSpec, port: int | None) -> ContainerSpec:
    """The request with what reaching the server needs: stdin, or a network for a port."""
    if port is None:
        return replace(spec, stdin=True)
    network = "internal" if spec.sandbox.network == "none" else spec.sandbox.network
    return replace(spec, sandbox=spec.sandbox.model_copy(update={"network": network}))


def url_of(host: str, port: int) -> str:
    """The URL at which a server speaks MCP."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{HTTP_PATH}"


@asynccontextmanager
async def http_transport(address: tuple[str, int], port: int) -> AsyncIterator[TransportStreams]:
    """A transport to the server at `address`, which listens at `port` inside its container.

    It is called by a loopback name: servers that guard against web pages let no other name in.
    """
    limits = httpx2.Timeout(get_settings().client_timeout, connect=CONNECT_TIMEOUT)
    async with (
        httpx2.AsyncClient(headers={"Host": f"localhost:{port}"}, timeout=limits) as http,
        streamable_http_client(
            url_of(*address), http_client=http, terminate_on_close=False, max_sse_event_size=None
        ) as streams,
    ):
        yield streams


async def answers(host: str, port: int) -> bool:
    """Whether a server listens there.

    A port that the engine publishes on this host is open before anything listens behind it; there,
    only a server keeps the connection when it is asked something.
    """
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        if not ipaddress.ip_address(host).is_loopback:
            return True
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(CONNECT_TIMEOUT):
            return bool(await reader.read(1))
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.close()

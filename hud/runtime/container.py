"""Environments in containers: one container an instance, reached over its stdin and stdout or over
HTTP.

1. An image that exposes a port, or whose command serves one, is reached over HTTP; every other over
   stdio.
2. What a container may do is the sandbox's to say; nothing of this process's environment enters but
   what is named.
3. When a request finds the container gone, the error says how it ended (out of memory is told apart
   from other kills).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import mcp_types
from mcp.client import Client
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from hud.containers import Container, Containers, ContainerSpec, Engine, Image, Sandbox, Stdio
from hud.containers.arguments import with_docker_arguments
from hud.environment.mcp_client import ClientConnection
from hud.environment.session import Connection
from hud.errors import ConnectionFailure, DockerFailure, EnvironmentFailure, HudError, StartFailure
from hud.runtime.stdio import NOISE_LIMIT, transport
from hud.settings import get_settings
from hud.types import MCPToolResult

READY_TIMEOUT = 120.0
"""Seconds from the container's start to the server's answer to its handshake."""
HTTP_PATH = "/mcp"
CONNECT_TIMEOUT = 10.0
POLL_SECONDS = 0.05
SERVING_COMMAND = re.compile(r"(?:--port|-p)[ =](\d+)")


@dataclass
class RunningImage:
    """A container that serves an environment."""

    container: Container
    connection: Connection
    client: Client
    stdio: Stdio | None = None
    noise: deque[str] = field(default_factory=lambda: deque(maxlen=NOISE_LIMIT))
    """Lines that it printed on stdout and that are no protocol."""

    @property
    def log(self) -> str:
        """The end of what the container printed on stderr, as far as it is known without asking the
        engine.
        """
        return self.stdio.stderr.text() if self.stdio is not None else ""


def serving_port(image: Image) -> int | None:
    """The port that an image serves MCP on, or None if it speaks over stdio."""
    command = " ".join((*image.entrypoint, *image.command))
    if "--stdio" in command:
        return None
    found = SERVING_COMMAND.search(command)
    if found:
        return int(found[1])
    return image.ports[0] if image.ports else None


def spec_for(
    image: str,
    *,
    env_vars: Mapping[str, str] | None = None,
    docker_args: Sequence[str] = (),
    sandbox: Sandbox | None = None,
    run: str = "",
) -> ContainerSpec:
    """The request for an image's container; `docker_args` are options of `docker run` that the
    policy admits.

    Raises:
        UserError: an option is unknown or forbidden.
    """
    spec = ContainerSpec(
        image=image, env=dict(env_vars or {}), sandbox=sandbox or Sandbox(), run=run
    )
    return with_docker_arguments(spec, docker_args, {}) if docker_args else spec


@asynccontextmanager
async def run_image(engine: Containers, spec: ContainerSpec) -> AsyncIterator[RunningImage]:
    """Start a container, connect to its server, and remove it on leaving, whatever happened.

    Raises:
        DockerFailure: the image does not exist, or the container cannot be made.
        StartFailure: its server did not answer; `detail` holds the end of what it printed.
    """
    image = await engine.image(spec.image)
    if image is None:
        raise DockerFailure(f"there is no image `{spec.image}`", hint="build it: hud build .")
    port = serving_port(image)
    spec = spec_reached_at(spec, port)
    async with AsyncExitStack() as stack:
        container = await engine.create(spec)
        stack.push_async_callback(container.remove)
        running = await stack.enter_async_context(_serve(container, port))
        yield running


def spec_reached_at(spec: ContainerSpec, port: int | None) -> ContainerSpec:
    """The request with what reaching the server needs: stdin, or a network for a port."""
    if port is None:
        return replace(spec, stdin=True)
    network = "internal" if spec.sandbox.network == "none" else spec.sandbox.network
    return replace(spec, sandbox=spec.sandbox.model_copy(update={"network": network}))


@asynccontextmanager
async def _serve(container: Container, port: int | None) -> AsyncIterator[RunningImage]:
    stdio = await container.attach() if port is None else None
    noise: deque[str] = deque(maxlen=NOISE_LIMIT)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                await container.start()
                server = (
                    transport(stdio, noise.append)
                    if stdio is not None
                    else http_transport(await _address(container, port or 0), port or 0)
                )
                client = Client(
                    server,
                    mode="legacy",
                    read_timeout_seconds=get_settings().client_timeout,
                    cache=None,
                )
                await stack.enter_async_context(client)
        except (Exception, asyncio.CancelledError) as exc:
            if isinstance(exc, asyncio.CancelledError):
                raise
            raise await _start_failure(container, exc) from exc
        name = container.spec.image
        connection = ContainerConnection(ClientConnection(client, name), container)
        yield RunningImage(container, connection, client, stdio, noise)


@asynccontextmanager
async def http_transport(address: tuple[str, int], port: int) -> AsyncIterator[TransportStreams]:
    """A transport to the server at `address`, which listens at `port` inside its container.

    It is called by a loopback name: servers that guard against web pages let no other name in.
    """
    host, reached = address
    url = f"http://{f'[{host}]' if ':' in host else host}:{reached}{HTTP_PATH}"
    limits = httpx2.Timeout(get_settings().client_timeout, connect=CONNECT_TIMEOUT)
    async with (
        httpx2.AsyncClient(headers={"Host": f"localhost:{port}"}, timeout=limits) as http,
        streamable_http_client(
            url, http_client=http, terminate_on_close=False, max_sse_event_size=None
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


async def _address(container: Container, port: int) -> tuple[str, int]:
    """Where the server is reached, once something listens there."""
    while True:
        host, reached = await container.address(port)
        if await answers(host, reached):
            return host, reached
        state = await container.state()
        if not state.is_running:
            raise StartFailure(f"the container {state.cause()}")
        await asyncio.sleep(POLL_SECONDS)


async def _start_failure(container: Container, exc: BaseException) -> HudError:
    """Why a server did not answer: how its container ended, or that it is silent."""
    state = await container.state()
    logs = (await container.logs()).strip() or None
    image = container.spec.image
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    if not state.is_running:
        return StartFailure(
            f"the container of `{image}` {state.cause()}", detail=logs, hint=f"hud debug {image}"
        )
    if isinstance(exc, TimeoutError):
        reason = f"did not answer within {READY_TIMEOUT:g} s"
    else:
        reason = f"does not speak MCP: {exc}"
    return StartFailure(f"the server in `{image}` {reason}", detail=logs, hint=f"hud debug {image}")


class ContainerConnection:
    """A connection whose failures say how the container ended, where it did."""

    def __init__(self, connection: Connection, container: Container) -> None:
        self._connection = connection
        self._container = container

    @asynccontextmanager
    async def _witnessed(self) -> AsyncIterator[None]:
        try:
            yield
        except (ConnectionFailure, EnvironmentFailure) as exc:
            state = await self._container.state()
            if state.is_running:
                raise
            logs = (await self._container.logs()).strip() or None
            raise EnvironmentFailure(f"the container {state.cause()}", detail=logs) from exc

    async def list_tools(self) -> list[mcp_types.Tool]:
        async with self._witnessed():
            return await self._connection.list_tools()

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> MCPToolResult:
        async with self._witnessed():
            return await self._connection.call_tool(name, arguments)

    async def list_prompts(self) -> list[mcp_types.Prompt]:
        async with self._witnessed():
            return await self._connection.list_prompts()

    async def get_prompt(
        self, name: str, arguments: Mapping[str, Any]
    ) -> mcp_types.GetPromptResult:
        async with self._witnessed():
            return await self._connection.get_prompt(name, arguments)

    async def list_resources(self) -> list[mcp_types.Resource]:
        async with self._witnessed():
            return await self._connection.list_resources()

    async def read_resource(self, uri: str) -> mcp_types.ReadResourceResult:
        async with self._witnessed():
            return await self._connection.read_resource(uri)


@asynccontextmanager
async def open_image(
    image: str,
    *,
    env_vars: Mapping[str, str] | None,
    docker_args: Sequence[str],
    sandbox: Sandbox | None,
) -> AsyncIterator[Connection]:
    """Start an image's container and connect to it; for `Environment.connect_image`."""
    spec = spec_for(image, env_vars=env_vars, docker_args=docker_args, sandbox=sandbox)
    async with Engine() as engine, run_image(engine, spec) as running:
        yield running.connection

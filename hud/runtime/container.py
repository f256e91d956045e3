"""Environments in containers: one container an instance, reached over stdin and stdout or HTTP.

1. How its server is reached is `reach`'s to find out.
2. What a container may do is the sandbox's to say; nothing of this process's environment enters but
   what is named.
3. A server may end by itself, so that its shutdown hooks run, before its container is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import anyio
from mcp.client import Client
from mcp.client._transport import TransportStreams

from hud.containers import Container, ContainerSpec, Sandbox, Stdio
from hud.containers.arguments import with_docker_arguments
from hud.containers.failures import hint_for
from hud.environment.mcp_client import ClientConnection
from hud.environment.session import Connection
from hud.errors import DockerFailure, HudError, StartFailure, describe
from hud.runtime.reach import (
    POLL_SECONDS,
    answers,
    find_port,
    http_transport,
    spec_reached_at,
)
from hud.runtime.stdio import NOISE_LIMIT, transport
from hud.runtime.ward import Life, Ward, shared_ward
from hud.runtime.witness import WitnessedConnection
from hud.settings import get_settings, variable

READY_TIMEOUT = 120.0
"""Seconds from the container's start to the server's answer to its handshake."""
FAREWELL_TIMEOUT = 3.0
"""Seconds that a server has to end by itself."""
MOMENT = 0.2
"""Seconds that one has whose container something has happened to."""


@dataclass
class RunningImage:
    """A container that serves an environment."""

    container: Container
    life: Life
    connection: Connection
    stdio: Stdio | None = None
    noise: deque[str] = field(default_factory=lambda: deque(maxlen=NOISE_LIMIT))
    """Lines that it printed on stdout and that are no protocol."""
    log: str = ""
    """The end of what it printed, once it has ended."""

    async def end(self) -> None:
        """Let the server end by itself, and remember what it printed."""
        seconds = FAREWELL_TIMEOUT if self.life.is_intact else MOMENT
        with anyio.CancelScope(shield=True), contextlib.suppress(DockerFailure):
            if self.stdio is not None:
                with anyio.move_on_after(seconds):
                    await _read_to_end(self.stdio)
                await self.stdio.aclose()
                self.log = "\n".join((*self.noise, *self.stdio.stderr.text().splitlines()))
                return
            with anyio.move_on_after(seconds):
                await self.container.kill("TERM")
                await self.container.wait()
            with anyio.move_on_after(FAREWELL_TIMEOUT):
                self.log = await self.container.logs()


async def _read_to_end(stdio: Stdio) -> None:
    with contextlib.suppress(anyio.EndOfStream, anyio.ClosedResourceError):
        while True:
            await stdio.receive()


@dataclass(frozen=True)
class _KeptOpen:
    """Stdio whose end a transport may announce, but not bring about: what the server prints when
    it ends is still to come.
    """

    stdio: Stdio

    async def send(self, item: bytes) -> None:
        await self.stdio.send(item)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self.stdio.receive(max_bytes)

    async def aclose(self) -> None:
        with contextlib.suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self.stdio.send_eof()


def spec_for(
    image: str,
    *,
    env_vars: Mapping[str, str] | None = None,
    docker_args: Sequence[str] = (),
    sandbox: Sandbox | None = None,
    run: str = "",
) -> ContainerSpec:
    """The request for an image's container; `docker_args` are options of `docker run` that the
    policy admits. `-e NAME` among them takes its value from this process's environment.

    Raises:
        UserError: an option is unknown or forbidden.
    """
    spec = ContainerSpec(
        image=image, env=dict(env_vars or {}), sandbox=sandbox or Sandbox(), run=run
    )
    return with_docker_arguments(spec, docker_args, variable) if docker_args else spec


@asynccontextmanager
async def run_image(ward: Ward, spec: ContainerSpec) -> AsyncIterator[RunningImage]:
    """Start a container, connect to its server, and remove it on leaving, whatever happened.

    No more of them start at a time than the ward allows; waiting for that has no limit of time.

    Raises:
        DockerFailure: the image does not exist, or the container cannot be made.
        StartFailure: its server did not answer; `detail` holds the end of what it printed.
    """
    image = await ward.engine.image(spec.image)
    if image is None:
        raise DockerFailure(f"there is no image `{spec.image}`", hint="build it: hud build .")
    async with AsyncExitStack() as stack:
        async with ward.starting:
            port = await find_port(ward.engine, image, spec)
            made = ward.engine.container(spec_reached_at(spec, port))
            container = await stack.enter_async_context(made)
            life = stack.enter_context(ward.watched(container))
            served = _serve(life, port)
            running = await served.__aenter__()
        stack.push_async_callback(running.end)
        stack.push_async_exit(served)
        yield running


@asynccontextmanager
async def _serve(life: Life, port: int | None) -> AsyncIterator[RunningImage]:
    """Start the container and do the handshake with its server."""
    container = life.container
    stdio = await container.attach() if port is None else None
    noise: deque[str] = deque(maxlen=NOISE_LIMIT)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                await container.start()
                if stdio is not None:
                    server = transport(_KeptOpen(stdio), noise.append)
                else:
                    server = http_transport(await _address(container, port or 0), port or 0)
                client = await stack.enter_async_context(_client(server))
        except BaseException as exc:
            if stdio is not None:
                with anyio.CancelScope(shield=True):
                    await stdio.aclose()
            if not isinstance(exc, Exception):
                raise
            raise await _start_failure(container, exc) from exc
        connection = WitnessedConnection(ClientConnection(client, container.spec.image), life)
        yield RunningImage(container, life, connection, stdio, noise)


def _client(server: AbstractAsyncContextManager[TransportStreams]) -> Client:
    seconds = get_settings().client_timeout
    return Client(server, mode="legacy", read_timeout_seconds=seconds, cache=None)


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
    hint = hint_for(state.error or "") or f"hud debug {image}"
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    if not state.is_running:
        return StartFailure(f"the container of `{image}` {state.cause()}", detail=logs, hint=hint)
    if isinstance(exc, TimeoutError):
        reason = f"did not answer within {READY_TIMEOUT:g} s"
    else:
        reason = f"does not speak MCP: {describe(exc)}"
    return StartFailure(f"the server in `{image}` {reason}", detail=logs, hint=hint)


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
    async with shared_ward() as ward, run_image(ward, spec) as running:
        yield running.connection

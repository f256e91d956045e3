"""An image: each server is a container of its own, reached over stdin and stdout or over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import anyio
import httpx2
from mcp.client._transport import TransportStreams
from mcp.shared.exceptions import MCPError

from hud.containers import (
    Container,
    Containers,
    ContainerSpec,
    EngineUnavailable,
    Image,
    Stdio,
)
from hud.containers.spec import size_in_words
from hud.debug.evidence import (
    Evidence,
    Kind,
    Listener,
    open_elsewhere,
    parse_listeners,
    reachable,
)
from hud.debug.session import Held, mcp_session
from hud.debug.targets.target import (
    EXIT_SECONDS,
    CheckFailure,
    Ending,
    Grace,
    Noise,
    TargetKind,
    WatchedStream,
    stop_in_steps,
)
from hud.errors import DockerFailure
from hud.runtime.reach import (
    answers,
    command_of,
    find_port,
    http_transport,
    possible_ports,
    spec_reached_at,
)
from hud.runtime.stdio import transport

POLL_SECONDS = 0.05
LOOK_SECONDS = 0.5
"""Seconds between two looks at why nothing answers yet."""
SETTLE_SECONDS = 2.0
"""Seconds after which another port that answers MCP is taken for the one that was meant."""
PROBE_SECONDS = 3.0
STDERR_LINES = 20
ASKING_SECONDS = 8.0
"""Seconds for finding out whether an image that names a port serves MCP there or over stdio."""
LISTENERS = ("cat", "/proc/net/tcp", "/proc/net/tcp6")


class ImageTarget:
    """An image of the engine's; `spec` names it and says what its containers may do."""

    kind: TargetKind = "image"
    found = "Docker image exists"
    not_found = "Docker image not found"

    def __init__(self, engine: Containers, spec: ContainerSpec) -> None:
        self.name = spec.image
        self._engine = engine
        self._ports: dict[str, int | None] = {}
        self._spec = replace(spec, run=spec.run or f"debug-{uuid.uuid4().hex[:12]}")

    async def check(self) -> tuple[str, ...]:
        image = await self._image()
        port = await self._port(image)
        size = size_in_words(image.size) if image.size else "unknown size"
        way = "stdin and stdout" if port is None else f"HTTP on port {port}"
        deviations = (f"sandbox: {text}" for text in self._spec.sandbox.deviations())
        return (f"{image.id[:19]}, {size}, reached over {way}", *deviations)

    async def _port(self, image: Image) -> int | None:
        if image.id not in self._ports:
            self._ports[image.id] = await self._find_port(image)
        return self._ports[image.id]

    async def _find_port(self, image: Image) -> int | None:
        try:
            return await find_port(self._engine, image, self._spec, seconds=ASKING_SECONDS)
        except EngineUnavailable:
            raise
        except DockerFailure:
            # That the container cannot start is for the phase to tell that starts it.
            return possible_ports(image, self._spec)[0]

    async def _image(self) -> Image:
        image = await self._engine.image(self.name)
        if image is None:
            raise CheckFailure(f"there is no image `{self.name}`", kind=Kind.NO_IMAGE)
        return image

    @asynccontextmanager
    async def start(self) -> AsyncIterator[ContainerServer]:
        image = await self._image()
        port = await self._port(image)
        spec = spec_reached_at(self._spec, port)
        # A further container can have neither the name nor the host's ports of the first.
        self._spec = replace(self._spec, name=None, ports=dict.fromkeys(self._spec.ports, 0))
        async with self._engine.container(spec) as container, AsyncExitStack() as stack:
            stdio = await container.attach() if port is None else None
            if stdio is not None:
                stack.push_async_callback(stdio.aclose)
            server = ContainerServer(container, command_of(image, spec), port, stdio)
            try:
                await container.start()
            except EngineUnavailable:
                raise
            except DockerFailure as exc:
                raise CheckFailure(exc.message) from exc
            yield server

    async def leftovers(self) -> list[str]:
        return [
            f"{item.kind} `{item.name}`"
            for item in await self._engine.resources()
            if item.run == self._spec.run
        ]


class ContainerServer:
    """A server in a container that runs."""

    def __init__(
        self, container: Container, command: tuple[str, ...], port: int | None, stdio: Stdio | None
    ) -> None:
        self.noise = Noise()
        self.is_shared = stdio is None
        self._container = container
        self._command = command
        self._port = port
        self._stdio = stdio
        self._stream = WatchedStream(stdio) if stdio is not None else None
        self._mcp_port: int | None = None
        self._was_reached = False

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[TransportStreams]:
        if self._stream is not None:
            async with transport(self._stream, self.noise.hear) as streams:
                yield streams
            return
        port = self._port or 0
        async with http_transport(await self._reach(port), port) as streams:
            yield streams

    async def _reach(self, port: int) -> tuple[str, int]:
        """Where the port is reached from here, once it answers.

        Raises:
            CheckFailure: it never will: the server ended, or serves elsewhere.
        """
        started = looked = time.monotonic()
        while True:
            host, reached = await self._address(port)
            if await answers(host, reached):
                self._was_reached = True
                return host, reached
            if time.monotonic() - looked > LOOK_SECONDS:
                await self._look(host, port, waited=time.monotonic() - started)
                looked = time.monotonic()
            await asyncio.sleep(POLL_SECONDS)

    async def _address(self, port: int) -> tuple[str, int]:
        try:
            return await self._container.address(port)
        except DockerFailure as exc:
            if (await self._container.state()).is_running:
                raise
            raise _unanswered(port) from exc

    async def _look(self, host: str, port: int, *, waited: float) -> None:
        """Raise if it is certain by now, after `waited` seconds, that the port will not answer."""
        state = await self._container.state()
        listeners = await self._listeners() if state.is_running else ()
        if not state.is_running or reachable(listeners, port) is False:
            raise _unanswered(port)
        if waited < SETTLE_SECONDS or ipaddress.ip_address(host).is_loopback:
            return
        for other in open_elsewhere(listeners, port):
            if await speaks_mcp(host, other):
                self._mcp_port = other
                raise _unanswered(port)

    async def _listeners(self) -> tuple[Listener, ...]:
        table = bytearray()
        with contextlib.suppress(DockerFailure, TimeoutError):
            async with asyncio.timeout(PROBE_SECONDS):
                table += await read_to_end(await self._container.open(LISTENERS))
        return parse_listeners(table.decode(errors="replace"))

    async def is_running(self) -> bool:
        if await self._is_going():
            with anyio.move_on_after(EXIT_SECONDS):
                await self._container.wait()
        return (await self._container.state()).is_running

    async def evidence(self) -> Evidence:
        await self.is_running()
        state = await self._container.state()
        return Evidence(
            running=state.is_running,
            ending="" if state.is_running else state.cause(),
            exit_code=state.exit_code,
            out_of_memory=state.oom_killed,
            memory=size_in_words(state.memory) if state.memory else "",
            command=self._command,
            port=self._port,
            listeners=await self._listeners() if state.is_running else (),
            mcp_port=self._mcp_port,
            stderr=await self._last_lines(),
            noise=tuple(self.noise.lines),
        )

    async def _is_going(self) -> bool:
        """Whether the server closed its stdout or its port, as one does that is about to end."""
        if self._stream is not None:
            return self._stream.ended
        try:
            host, port = await self._container.address(self._port or 0)
        except DockerFailure:
            return self._was_reached
        return self._was_reached and not await answers(host, port)

    async def _last_lines(self) -> tuple[str, ...]:
        if self._stdio is not None:
            return tuple(self._stdio.stderr.lines(STDERR_LINES))
        logs = await self._container.logs(STDERR_LINES)
        return tuple(line for line in logs.splitlines() if line.strip())

    async def stop(self, grace: Grace) -> Ending:
        return await stop_in_steps(self, grace)

    async def terminate(self) -> None:
        await self._container.kill("TERM")

    async def close_stdin(self) -> None:
        if self._stdio is not None:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._stdio.send_eof()

    async def kill(self) -> None:
        await self._container.kill()

    async def wait(self) -> int | None:
        return (await self._container.wait()).exit_code


def _unanswered(port: int) -> CheckFailure:
    return CheckFailure(f"nothing answers on port {port}", kind=Kind.NO_ANSWER)


async def read_to_end(stdio: Stdio) -> bytes:
    """Everything that a command in a container prints."""
    output = bytearray()
    try:
        with contextlib.suppress(anyio.EndOfStream):
            while True:
                output += await stdio.receive()
    finally:
        await stdio.aclose()
    return bytes(output)


async def speaks_mcp(host: str, port: int) -> bool:
    """Whether something answers MCP's handshake there, over HTTP."""
    transport_there = http_transport((host, port), port)
    held = Held(mcp_session(transport_there, host, era="legacy", seconds=PROBE_SECONDS))
    try:
        await held.open()
    except (MCPError, httpx2.HTTPError, OSError, RuntimeError):
        return False
    finally:
        await held.close()
    return True

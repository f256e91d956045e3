"""A container that knows nothing of us: its server is reached as it stands, and started anew to
change it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import anyio

from hud.containers import Container, Stdio
from hud.dev.backend import Instance, LineSink, RecentLines
from hud.dev.containers.logs import follow
from hud.dev.containers.obedient import lines_of
from hud.dev.gateway import HttpUpstream, NotDelivered, SharedPipe, StdioUpstream
from hud.dev.watcher import Step
from hud.errors import DockerFailure

PATH = "/mcp"

Close = Callable[[], Awaitable[None]]


class ContainerPipe:
    """Lines of JSON to and from a container's main process."""

    def __init__(self, stdio: Stdio, close: Close) -> None:
        self._stdio = stdio
        self._lines = lines_of(stdio)
        self._close = close

    async def write(self, line: bytes) -> None:
        """Send one message, without its line end.

        Raises:
            OSError: the container is gone.
        """
        try:
            await self._stdio.send(line + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as exc:
            raise BrokenPipeError("the container is gone") from exc

    async def read(self) -> bytes:
        """The next line, empty when the container is gone."""
        async for line in self._lines:
            if line.strip():
                return line + b"\n"
        return b""

    async def aclose(self) -> None:
        """Let go of it, and remove it."""
        await self._stdio.aclose()
        await self._close()


class PlainContainer:
    """A running container, and the tasks that belong to it."""

    def __init__(self, container: Container, log: LineSink, on_removed: Callable[[], None]) -> None:
        self.ended = asyncio.Event()
        self._container = container
        self._log = RecentLines(log)
        self._on_removed = on_removed
        self._obituary = "the container ended"
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> Stdio:
        """Start it; what it prints on standard error is logged.

        Raises:
            DockerFailure: it cannot be started.
        """
        stdio = await self._container.attach()
        await self._container.start()
        self._follow(stdio)
        return stdio

    async def _attach(self) -> Stdio:
        stdio = await self._container.attach()
        self._follow(stdio)
        return stdio

    def _follow(self, stdio: Stdio) -> None:
        self._tasks = [
            asyncio.create_task(follow(stdio.stderr, self._log)),
            asyncio.create_task(self._await_end()),
        ]

    def obituary(self) -> str:
        """How it ended."""
        return self._obituary

    async def remove(self) -> None:
        """End it, its hooks included, and remove it."""
        with contextlib.suppress(DockerFailure):
            await self._container.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._container.remove()
        self._on_removed()

    async def serve_pipe(self, name: str) -> Instance:
        """Serve all clients by its standard input and output.

        Raises:
            DockerFailure: it cannot be started.
        """
        shared = SharedPipe(ContainerPipe(await self.start(), self.remove))
        upstream = StdioUpstream(name, shared.open, on_close=shared.aclose)
        return Instance(upstream, self.ended, self.obituary, Step.RESTART, self._log.text)

    async def serve_http(self, name: str, port: int) -> Instance:
        """Serve all clients by a port of it.

        Raises:
            DockerFailure: it cannot be started, or not be reached.
        """
        return await self._serve_http(await self.start(), name, port)

    async def resume_http(self, name: str, port: int) -> Instance:
        """As `serve_http`, of a container that runs.

        Raises:
            DockerFailure: it cannot be reached.
        """
        return await self._serve_http(await self._attach(), name, port)

    async def _serve_http(self, stdio: Stdio, name: str, port: int) -> Instance:
        self._tasks.append(asyncio.create_task(self._show(stdio)))
        host, reached = await self._container.address(port)
        upstream = HttpUpstream(f"http://{host}:{reached}{PATH}", on_close=self.remove)
        upstream.name = name
        return Instance(
            upstream,
            self.ended,
            self.obituary,
            Step.RESTART,
            self._log.text,
            identity=self._container.id,
        )

    async def open_pipe(self) -> ContainerPipe:
        """A pipe for one client, with which the container ends.

        Raises:
            NotDelivered: it cannot be started.
        """
        try:
            return ContainerPipe(await self.start(), self.remove)
        except DockerFailure as exc:
            await self.remove()
            raise NotDelivered(exc.message) from exc

    async def _show(self, stdio: Stdio) -> None:
        async for line in lines_of(stdio):
            self._log(line.decode(errors="replace").rstrip())

    async def _await_end(self) -> None:
        with contextlib.suppress(DockerFailure):
            state = await self._container.wait()
            self._obituary = f"the container {state.cause()}"
        self.ended.set()

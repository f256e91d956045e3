"""Isolated rollouts: a worker host forks (or a fresh interpreter is spawned as) one process for each of them.

The author's module is imported in the host only; this process never runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from hud.environment.session import Connection
from hud.errors import EnvironmentFailure, LimitReached, StartFailure, error_from
from hud.runtime.server_process import ServerProcess
from hud.runtime.wire import WireConnection
from hud.task import Task

LOG_LIMIT = 64 * 1024
"""Bytes of a rollout's output that are kept: the last ones."""
EXIT_GRACE = 6.0
"""Seconds between the end of a rollout and the death of a process that does not leave by itself."""
STATUS_GRACE = 2.0
"""Seconds to wait for the exit status of a process whose connection ended."""

Isolation = Literal["fork", "spawn"]


@dataclass(frozen=True)
class Source:
    """What the host loads: `loader` is `module:function`, called with `arguments`, and returns tasks."""

    loader: str
    arguments: dict[str, Any]


class Child:
    """One rollout's process, as far as this side knows it."""

    def __init__(self, timeout: float) -> None:
        self.connection = WireConnection(timeout, self.obituary)
        self.exited = asyncio.Event()
        self.status: int | None = None
        """Exit status, negative for a signal; None as long as it runs."""
        self.output = b""

    @property
    def log(self) -> str:
        """The end of what the process printed."""
        return self.output.decode(errors="replace")

    def mark_exited(self, status: int | None) -> None:
        """Note how the process ended."""
        self.status = status
        self.exited.set()

    async def obituary(self) -> EnvironmentFailure:
        """How the process ended, once that is known."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATUS_GRACE):
                await self.exited.wait()
        ended = describe_status(self.status)
        return EnvironmentFailure(f"the environment's process ended {ended}", detail=self.log or None)


class Host:
    """A worker host and the rollouts that run in it."""

    def __init__(self) -> None:
        self.children: dict[int, Child] = {}
        self._server = ServerProcess("hud.runtime.host", self._receive, self._lose)
        self._loaded: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._next_id = 0

    @property
    def is_over(self) -> bool:
        """Whether the host's process has ended."""
        return self._server.ended.is_set()

    async def start(self, source: Source, timeout: float) -> dict[str, Any]:
        """Start the process and load the tasks; returns the `loaded` event.

        Raises:
            HudError: what loading raised, in its own class.
            StartFailure: the process could not be started or died.
            LimitReached: loading took longer than `timeout` seconds.
        """
        await self._server.start()
        self._server.order(op="load", loader=source.loader, arguments=source.arguments)
        try:
            async with asyncio.timeout(timeout):
                return await self._loaded
        except TimeoutError:
            await self.stop()
            raise LimitReached(f"importing the environment took longer than {timeout:g} s") from None

    def _receive(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "loaded" if not self._loaded.done():
                self._loaded.set_result(event)
            case "failed" if not self._loaded.done():
                self._loaded.set_exception(error_from(event["message"], event["data"]))
            case "exited":
                self.children.pop(event["id"]).mark_exited(event["status"])

    def _lose(self, status: int | None) -> None:
        if not self._loaded.done():
            self._loaded.set_exception(StartFailure(f"the worker host ended {describe_status(status)}"))
        for child in self.children.values():
            child.mark_exited(status)
        self.children.clear()

    async def launch(self, op: str, order: dict[str, Any], timeout: float) -> tuple[int, Child]:
        """Start a rollout's process; returns its id and its connection."""
        ours, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        self._next_id += 1
        child_id, child = self._next_id, Child(timeout)
        self.children[child_id] = child
        try:
            ours.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: child.connection.protocol, sock=ours)
            self._server.order([theirs.fileno(), write_end], op=op, id=child_id, **order)
        except BaseException:
            os.close(read_end)
            raise
        finally:
            theirs.close()
            os.close(write_end)
        _collect(read_end, child)
        return child_id, child

    def kill(self, child_id: int) -> None:
        """Kill a forked rollout's process and everything that it started."""
        if child_id in self.children and not self.is_over:
            self._server.order(op="kill", id=child_id)

    async def stop(self) -> None:
        """End the host, all its children and what they started."""
        await self._server.stop()


def _collect(descriptor: int, child: Child) -> None:
    """Keep the end of what arrives on `descriptor` in `child.output`, until it is closed on the other side."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)

    def read() -> None:
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        if data:
            child.output = (child.output + data)[-LOG_LIMIT:]
            return
        loop.remove_reader(descriptor)
        os.close(descriptor)

    loop.add_reader(descriptor, read)


@dataclass(frozen=True)
class WorkerInstance:
    """A rollout's own process."""

    connection: Connection
    child: Child

    @property
    def log(self) -> str:
        return self.child.log


class WorkerRuntime:
    """Starts a process per rollout: forked from a host where that is safe, else a fresh interpreter.

    `load()` must be called first; it returns the tasks that the source holds. Task objects given to `start` are
    matched by their position in that list (`task.metadata` and the like are never consulted).
    """

    def __init__(
        self, source: Source, *, isolation: Isolation = "fork", timeout: float = 600.0, memory: int = 0
    ) -> None:
        """`timeout`: seconds that importing, and each request, may take. `memory`: bytes a rollout may use; 0: no bound."""
        self._source = source
        self._timeout = timeout
        self._memory = memory
        self._host: Host | None = None
        self._restarting = asyncio.Lock()
        self._tasks: list[Task] = []
        self.isolation: Isolation = isolation
        self.hazard: str | None = None
        """Why rollouts are spawned although forking was asked for."""

    async def load(self) -> list[Task]:
        """Import the source in the host and return its tasks as data.

        Raises:
            HudError: the source cannot be used; an author's mistake carries the author's traceback as `detail`.
        """
        self._host = Host()
        loaded = await self._host.start(self._source, self._timeout)
        tasks = [Task(**described) for described in loaded["tasks"]]
        self._tasks = tasks
        if self.isolation == "fork" and loaded["unsafe"]:
            self.hazard = loaded["unsafe"]
            self.isolation = "spawn"
        return tasks

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[WorkerInstance]:
        order = {"task": self._position(task), "seed": seed, "memory": self._memory}
        host = await self._live_host() if self.isolation == "fork" else await self._fresh_host()
        try:
            child_id, child = await host.launch("fork" if self.isolation == "fork" else "run", order, self._timeout)
            try:
                yield WorkerInstance(child.connection, child)
            finally:
                await self._finish(host, child_id, child)
        finally:
            if host is not self._host:
                await host.stop()

    def _position(self, task: Task) -> int:
        return next(position for position, known in enumerate(self._tasks) if known is task)

    async def _live_host(self) -> Host:
        """The host; a new one where the last one died."""
        async with self._restarting:
            if self._host is None or self._host.is_over:
                self._host = await self._fresh_host()
            return self._host

    async def _fresh_host(self) -> Host:
        host = Host()
        await host.start(self._source, self._timeout)
        return host

    async def _finish(self, host: Host, child_id: int, child: Child) -> None:
        """Let the environment shut down; kill it if it does not."""
        child.connection.close()
        try:
            async with asyncio.timeout(EXIT_GRACE):
                await child.connection.lost.wait()
        except (TimeoutError, asyncio.CancelledError) as exc:
            host.kill(child_id)
            if isinstance(exc, asyncio.CancelledError):
                raise

    async def aclose(self) -> None:
        if self._host is not None:
            await self._host.stop()


def describe_status(status: int | None) -> str:
    """An exit status in words."""
    if status is None:
        return "for an unknown reason"
    if status < 0:
        name = signal.Signals(-status).name
        return f"with {name}" + (" (killed; out of memory?)" if name == "SIGKILL" else "")
    return f"with exit status {status}"

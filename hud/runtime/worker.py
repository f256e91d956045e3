"""Isolated rollouts: a worker host forks (or a fresh interpreter is spawned as) one process for
each of them.

The author's module is imported in the host only; this process never runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hud.environment.session import Connection
from hud.errors import LimitReached, StartFailure, UserError, error_from
from hud.runtime.child import STATUS_GRACE, Child, Output
from hud.runtime.claims import shared_files
from hud.runtime.exits import describe_status, kill_group
from hud.runtime.server_process import ServerProcess
from hud.task import Task

EXIT_GRACE = 6.0
"""Seconds between the end of a rollout and the death of a process that does not leave by itself."""

Isolation = Literal["fork", "spawn"]


@dataclass(frozen=True)
class Source:
    """What the host loads: `loader` is `module:function`, called with `arguments`, and returns
    tasks.
    """

    loader: str
    arguments: dict[str, Any]


class Host:
    """A worker host and the rollouts that run in it."""

    def __init__(self, variables: Mapping[str, str] | None = None, output: int = 2) -> None:
        self.children: dict[int, Child] = {}
        self._server = ServerProcess(
            "hud.runtime.host", self._receive, self._lose, variables=variables, output=output
        )
        self._loaded: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        # Whoever starts the host may be cancelled before it waits for this.
        self._loaded.add_done_callback(lambda loaded: loaded.cancelled() or loaded.exception())
        self._is_listening = False
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
                loaded = await self._loaded
        except TimeoutError:
            await self.stop()
            raise LimitReached(
                f"importing the environment took longer than {timeout:g} s"
            ) from None
        self._is_listening = True
        return loaded

    def _receive(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "loaded" if not self._loaded.done():
                self._loaded.set_result(event)
            case "failed" if not self._loaded.done():
                self._loaded.set_exception(error_from(event["message"], event["data"]))
            case "forked" if event["id"] in self.children:
                self.children[event["id"]].pid = event["pid"]
            case "exited" if event["id"] in self.children:
                self.children.pop(event["id"]).mark_exited(event["status"])

    def _lose(self, status: int | None) -> None:
        if not self._loaded.done():
            self._loaded.set_exception(StartFailure(f"the worker host {describe_status(status)}"))
        for child in self.children.values():
            if child.pid is not None:
                kill_group(child.pid)
            child.mark_exited(status)
        self.children.clear()

    async def launch(self, op: str, order: dict[str, Any], timeout: float) -> tuple[int, Child]:
        """Start a rollout's process; returns its id and its connection.

        Raises:
            StartFailure: the host is gone, or the machine has no descriptor left.
        """
        try:
            ours, theirs = socket.socketpair()
            read_end, write_end = os.pipe()
        except OSError as exc:
            raise StartFailure(
                f"cannot start a rollout: {exc.strerror}", hint="lower --max-concurrent"
            ) from exc
        self._next_id += 1
        child_id, child = self._next_id, Child(timeout, Output(read_end))
        self.children[child_id] = child
        self._is_listening = op != "run"
        try:
            ours.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: child.connection.protocol, sock=ours)
            await self._server.order_with([theirs.fileno(), write_end], op=op, id=child_id, **order)
        except BaseException:
            child.output.finish()
            raise
        finally:
            theirs.close()
            os.close(write_end)
        return child_id, child

    def kill(self, child_id: int) -> None:
        """Kill a rollout's process and everything that it started."""
        if child_id not in self.children or self.is_over:
            return
        if self._is_listening:
            self._server.order(op="kill", id=child_id)
        else:
            self._server.kill()

    async def stop(self) -> None:
        """End the host, all its children and what they started."""
        if not self._is_listening:
            self._server.kill()
        await self._server.stop()


@dataclass(frozen=True)
class WorkerInstance:
    """A rollout's own process."""

    connection: Connection
    child: Child

    @property
    def log(self) -> str:
        return self.child.log


class WorkerRuntime:
    """Starts a process per rollout: forked from a host where that is safe, else a fresh
    interpreter.

    `load()` must be called first; it returns the tasks that the source holds. Task objects given to
    `start` are matched by their position in that list (`task.metadata` and the like are never
    consulted).
    """

    def __init__(
        self,
        source: Source,
        *,
        isolation: Isolation = "fork",
        timeout: float = 600.0,
        memory: int = 0,
        variables: Mapping[str, str] | None = None,
        output: int = 2,
    ) -> None:
        """`timeout`: seconds that importing, and each request, may take. `memory`: bytes a rollout
        may use; 0: no bound. `variables`: what its environment holds; None: what this process's
        does. `output`: the descriptor that importing prints to.
        """
        self._source = source
        self._timeout = timeout
        self._memory = memory
        self._variables = variables
        self._output = output
        self._host: Host | None = None
        self._restarting = asyncio.Lock()
        self._spawning = asyncio.Semaphore(os.cpu_count() or 1)
        self._tasks: list[Task] = []
        self._claims: tempfile.TemporaryDirectory[str] | None = None
        self.isolation: Isolation = isolation
        self.hazard: str | None = None
        """Why rollouts are spawned although forking was asked for."""

    async def load(self) -> list[Task]:
        """Import the source in the host and return its tasks as data.

        Raises:
            HudError: the source cannot be used; an author's mistake carries the author's traceback
                as `detail`.
        """
        self._host = Host(self._variables, self._output)
        loaded = await self._host.start(self._source, self._timeout)
        tasks = [Task(**described) for described in loaded["tasks"]]
        self._tasks = tasks
        if self.isolation == "fork" and loaded["unsafe"]:
            self.hazard = loaded["unsafe"]
            self.isolation = "spawn"
        return tasks

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[WorkerInstance]:
        if self._claims is None:
            self._claims = tempfile.TemporaryDirectory(
                prefix="hud-claims-", ignore_cleanup_errors=True
            )
        order = {"task": self._position(task), "seed": seed, "memory": self._memory}
        order["claims"] = self._claims.name
        host = await self._live_host() if self.isolation == "fork" else await self._spawn_host()
        try:
            child_id, child = await host.launch(
                "fork" if self.isolation == "fork" else "run", order, self._timeout
            )
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
                dead, self._host = self._host, await self._fresh_host()
                if dead is not None:
                    await dead.stop()
            return self._host

    async def _spawn_host(self) -> Host:
        """A host for one rollout; no more of them start at a time than there are processors."""
        async with self._spawning:
            return await self._fresh_host()

    async def _fresh_host(self) -> Host:
        host = Host(self._variables, self._output)
        try:
            await host.start(self._source, self._timeout)
        except UserError as exc:
            await host.stop()
            raise StartFailure(exc.message, hint=exc.hint, detail=exc.detail) from exc
        except BaseException:
            await host.stop()
            raise
        return host

    async def _finish(self, host: Host, child_id: int, child: Child) -> None:
        """Let the environment shut down; kill it if it does not."""
        child.connection.close()
        try:
            async with asyncio.timeout(EXIT_GRACE):
                await child.exited.wait()
        except TimeoutError:
            host.kill(child_id)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATUS_GRACE):
                    await child.exited.wait()
        except asyncio.CancelledError:
            host.kill(child_id)
            raise
        finally:
            child.output.finish()

    def shared_files(self) -> list[str]:
        """Files that rollouts wrote at the same time, so that they were not apart."""
        return shared_files(Path(self._claims.name)) if self._claims else []

    async def aclose(self) -> None:
        if self._host is not None:
            await self._host.stop()
        if self._claims is not None:
            self._claims.cleanup()

"""Processes in a group of their own, whose output is read all the time: none of them can block on a
full pipe.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process, SubprocessStreamProtocol
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hud.errors import ToolError
from hud.tools.system.capture import MAX_OUTPUT, Stream
from hud.tools.system.user import ToolUser

READ_SIZE = 64 * 1024
QUIET_SECONDS = 0.05
"""A pipe that others hold open is taken to be empty when nothing came for so long."""
SETTLE_SECONDS = 1.0
"""However much others go on to write into it."""


class Child:
    """A process and what it says on its two streams."""

    def __init__(
        self, process: Process, *, limit: int = MAX_OUTPUT, exited: asyncio.Event | None = None
    ) -> None:
        """Start reading a process.

        `exited` tells its end, which otherwise is that of its streams.
        """
        self.process = process
        self.loop = asyncio.get_running_loop()
        self.stdout, self.stderr = Stream(limit), Stream(limit)
        self.has_stderr = process.stderr is not None
        self._exited = exited
        self._changed = asyncio.Event()
        pairs = ((process.stdout, self.stdout), (process.stderr, self.stderr))
        self._pumps = [asyncio.create_task(self._pump(*pair)) for pair in pairs if pair[0]]
        self._watch = asyncio.create_task(self._wait_for_exit()) if exited else None

    async def _pump(self, source: Any, stream: Stream) -> None:
        while data := await source.read(READ_SIZE):
            stream.feed(data)
            self._changed.set()
        self._changed.set()

    async def _wait_for_exit(self) -> None:
        assert self._exited is not None
        await self._exited.wait()
        self._changed.set()

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone.

        Of one that was taken over, whether it has closed its streams.
        """
        return self._exited.is_set() if self._exited is not None else self._is_silent

    @property
    def _is_silent(self) -> bool:
        return all(pump.done() for pump in self._pumps)

    @property
    def is_marked(self) -> bool:
        """Whether the marker has come on each stream."""
        return self.stdout.is_marked and (self.stderr.is_marked or not self.has_stderr)

    async def until_marked(self) -> None:
        """Wait for the markers, or for the end."""
        while not (self.is_marked or self.has_ended):
            self._changed.clear()
            await self._changed.wait()

    async def until_ended(self) -> None:
        """Wait for the process's end."""
        while not self.has_ended:
            self._changed.clear()
            await self._changed.wait()

    async def settle(self) -> None:
        """Read what is left once the process has ended; its heirs may hold the pipes open."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not self._is_silent:
                    self._changed.clear()
                    async with asyncio.timeout(QUIET_SECONDS):
                        await self._changed.wait()

    async def end(self) -> None:
        """Kill the group and read what is left; whoever left the group may hold the pipes open."""
        self.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not self._is_silent:
                    self._changed.clear()
                    await self._changed.wait()

    async def write(self, data: bytes) -> None:
        """Send to the process's input; a process that is gone takes nothing."""
        if self.process.stdin is not None:
            with suppress(BrokenPipeError, ConnectionResetError):
                self.process.stdin.write(data)
                await self.process.stdin.drain()

    def kill(self) -> None:
        """Kill the process and everything in its group."""
        with suppress(ProcessLookupError, PermissionError):
            if self._exited is not None or os.getpgid(self.process.pid) != os.getpgrp():
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()

    async def close(self) -> None:
        """Kill the group and let go of its pipes."""
        if self.loop is not asyncio.get_running_loop():
            self.kill()
            return
        await self.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                await (self._exited.wait() if self._exited else self.process.wait())
        for task in (*self._pumps, self._watch):
            if task is not None:
                task.cancel()
        transport: asyncio.SubprocessTransport | None = vars(self.process).get("_transport")
        if transport is not None:
            transport.close()
        await asyncio.sleep(0)


class _Protocol(SubprocessStreamProtocol):
    """Tells when the process has exited: `Process.wait` also waits until nobody holds its pipes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=READ_SIZE, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        self.exited.set()
        super().process_exited()


@dataclass(frozen=True)
class Command:
    """A program to run, and how."""

    argv: Sequence[str]
    cwd: str | Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables beside those of this process."""
    user: ToolUser | None = None
    """Whose rights it has; None: those of this process."""

    @property
    def options(self) -> dict[str, Any]:
        """Options of the new process."""
        of_user = self.user.variables if self.user else {}
        return {
            "cwd": self.cwd,
            "env": {**os.environ, **of_user, **self.variables},
            "start_new_session": True,
            **(self.user.for_process if self.user else {}),
        }


async def start(command: Command, *, stdin: int = PIPE, limit: int = MAX_OUTPUT) -> Child:
    """Start a process in a group of its own.

    Raises:
        ToolError: the program or the folder does not exist, or cannot be used.
    """
    loop = asyncio.get_running_loop()
    options = {"stdin": stdin, "stdout": PIPE, "stderr": PIPE, **command.options}
    try:
        transport, protocol = await loop.subprocess_exec(
            lambda: _Protocol(loop), *command.argv, **options
        )
    except OSError as exc:
        is_folder = exc.filename is not None and str(exc.filename) == str(command.cwd)
        what = command.cwd if is_folder else command.argv[0]
        raise ToolError(f"cannot run `{what}`: {exc.strerror}") from exc
    process = Process(transport, protocol, loop)
    return Child(process, limit=limit, exited=protocol.exited)


@dataclass(frozen=True)
class Finished:
    """How a process ended."""

    stdout: str
    stderr: str
    status: int | None
    """Its exit status, negative for the signal that killed it; None if its time was over."""
    pid: int

    @property
    def timed_out(self) -> bool:
        """Whether its time was over; then it was killed, and its whole group with it."""
        return self.status is None


async def run(
    command: Command, *, timeout: float | None = None, given: bytes | None = None
) -> Finished:
    """Run a program to its end, and kill what it leaves behind.

    `given` is its standard input, which is empty otherwise; `timeout` is in seconds.

    Raises:
        ToolError: it cannot be started.
    """
    child = await start(command, stdin=DEVNULL if given is None else PIPE)
    try:
        return await finish(child, timeout=timeout, given=given)
    finally:
        await child.close()


async def finish(
    child: Child, *, timeout: float | None = None, given: bytes | None = None
) -> Finished:
    """Wait for a process's end; after `timeout` seconds it is killed, and its group with it."""
    try:
        async with asyncio.timeout(timeout):
            if given is not None and child.process.stdin is not None:
                await child.write(given)
                child.process.stdin.close()
            await child.until_ended()
        status = child.process.returncode
    except TimeoutError:
        status = None
        await child.end()
    await child.settle()
    return Finished(child.stdout.text(), child.stderr.text(), status, child.process.pid)


def group_members(group: int) -> list[int]:
    """The processes of a process group, as far as this system tells."""
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _group_of(entry) == group]


def _group_of(entry: Path) -> int | None:
    try:
        # The program's name, in parentheses, may hold anything; then: state, parent, group.
        fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    is_zombie = fields[0] == "Z"
    return None if is_zombie else int(fields[2])

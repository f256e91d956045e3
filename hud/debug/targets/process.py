"""A server as a child process of ours, in a process group of its own, spoken to over its stdin and stdout."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, Process
from anyio.streams.stapled import StapledByteStream
from mcp.client._transport import TransportStreams

from hud.containers.output import Tail
from hud.debug.evidence import Evidence
from hud.debug.targets.target import EXIT_SECONDS, Ending, Noise, WatchedStream
from hud.runtime.stdio import transport

STDERR_LINES = 20
STOP_SECONDS = 10.0
DRAIN_SECONDS = 1.0
"""Seconds that the last words on stderr have to arrive after the process ended."""


class ServerProcess:
    """A server that runs as a process of this machine."""

    is_shared = False

    def __init__(self, process: Process, reading: asyncio.Task[None], stderr: Tail) -> None:
        self.noise = Noise()
        self._process = process
        self._reading = reading
        self._stderr = stderr
        self._stream: WatchedStream | None = None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[TransportStreams]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pipes = StapledByteStream(self._process.stdin, self._process.stdout)
        self._stream = WatchedStream(pipes)
        async with transport(self._stream, self.noise.hear) as streams:
            yield streams

    async def evidence(self) -> Evidence:
        if self._stream is not None and self._stream.ended:
            with anyio.move_on_after(EXIT_SECONDS):
                await self._process.wait()
        if self._process.returncode is not None:
            await asyncio.wait({self._reading}, timeout=DRAIN_SECONDS)
        code = self._process.returncode
        return Evidence(
            in_container=False,
            running=code is None,
            ending="" if code is None else _ending(code),
            exit_code=None if code is None else _shell_code(code),
            stderr=tuple(self._stderr.lines(STDERR_LINES)),
            noise=tuple(self.noise.lines),
        )

    async def stop(self) -> Ending:
        started = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with anyio.move_on_after(STOP_SECONDS) as scope:
            await self._process.wait()
        if scope.cancelled_caught:
            await self.kill()
        code = self._process.returncode
        exit_code = None if code is None else _shell_code(code)
        return Ending(time.monotonic() - started, exit_code, scope.cancelled_caught)

    async def kill(self) -> bool:
        """Kill its whole group; returns whether anything was left of it but the process itself."""
        left = self._process.returncode is not None and _is_alive(self._process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        return left


def _shell_code(code: int) -> int:
    return 128 - code if code < 0 else code


def _ending(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@asynccontextmanager
async def server_process(
    command: Sequence[str], folder: Path, left: list[str]
) -> AsyncIterator[ServerProcess]:
    """Start a command; on leaving, its whole process group is ended, and what was left of it added to `left`."""
    process = await anyio.open_process(
        command, stderr=subprocess.PIPE, cwd=folder, start_new_session=True
    )
    assert process.stderr is not None
    tail = Tail()
    reading = asyncio.create_task(_read(process.stderr, tail))
    server = ServerProcess(process, reading, tail)
    try:
        yield server
    finally:
        with anyio.CancelScope(shield=True):
            if await server.kill():
                left.append(f"a process of `{' '.join(command[:1])}`")
            reading.cancel()
            await process.aclose()


async def _read(stream: ByteReceiveStream, tail: Tail) -> None:
    with contextlib.suppress(
        anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError
    ):
        while True:
            tail.append(await stream.receive())

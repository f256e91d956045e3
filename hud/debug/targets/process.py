"""A server as a child process of ours, in a process group of its own, spoken to over its stdin and
stdout.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, Process
from anyio.streams.stapled import StapledByteStream
from mcp.client._transport import TransportStreams

from hud.containers.output import Tail
from hud.debug.evidence import Evidence
from hud.debug.targets.target import (
    EXIT_SECONDS,
    Ending,
    Grace,
    Noise,
    WatchedStream,
    stop_in_steps,
)
from hud.runtime.stdio import transport

STDERR_LINES = 20
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

    async def is_running(self) -> bool:
        if self._stream is not None and self._stream.ended:
            with anyio.move_on_after(EXIT_SECONDS):
                await self._process.wait()
        return self._process.returncode is None

    async def evidence(self) -> Evidence:
        await self.is_running()
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

    async def stop(self, grace: Grace) -> Ending:
        return await stop_in_steps(self, grace)

    async def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    async def close_stdin(self) -> None:
        if self._process.stdin is not None:
            await self._process.stdin.aclose()

    async def kill(self) -> None:
        self._signal_group(signal.SIGKILL)

    async def wait(self) -> int | None:
        return _shell_code(await self._process.wait())

    def has_left(self) -> bool:
        """Whether it ended and processes that it had started did not."""
        return self._process.returncode is not None and self._signal_group(0)

    def _signal_group(self, number: int) -> bool:
        """Whether there was a process in its group to send a signal to."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True


def _shell_code(code: int) -> int:
    return 128 - code if code < 0 else code


def _ending(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


@asynccontextmanager
async def server_process(
    command: Sequence[str],
    folder: Path,
    left: list[str],
    *,
    variables: Mapping[str, str] | None = None,
) -> AsyncIterator[ServerProcess]:
    """Start a command; on leaving, its whole process group is ended, and what was left of it added
    to `left`.
    """
    process = await anyio.open_process(
        command, stderr=subprocess.PIPE, cwd=folder, env=variables, start_new_session=True
    )
    assert process.stderr is not None
    tail = Tail()
    reading = asyncio.create_task(_read(process.stderr, tail))
    server = ServerProcess(process, reading, tail)
    try:
        yield server
    finally:
        with anyio.CancelScope(shield=True):
            if server.has_left():
                left.append("a process that it had started")
            await server.kill()
            await server.wait()
            reading.cancel()
            await process.aclose()


async def _read(stream: ByteReceiveStream, tail: Tail) -> None:
    with contextlib.suppress(
        anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError
    ):
        while True:
            tail.append(await stream.receive())

"""Any MCP server that a command starts: over its standard streams, or over HTTP on the port it is
given.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from hud.dev.backend import Instance, LineSink, RecentLines
from hud.dev.gateway import HttpUpstream, StdioUpstream, command
from hud.dev.watcher import Step
from hud.errors import StartFailure
from hud.runtime.exits import describe_status
from hud.runtime.forkserver import PR_SET_PDEATHSIG

PORT = "{port}"
"""Stands in a command for the port that it is to serve on."""
PATH = "/mcp"
STOP_SECONDS = 3.0
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class CommandBackend:
    """Starts the command anew for each version: for each client once, or once with a port."""

    highest = Step.RELOAD

    def __init__(self, argv: Sequence[str], folder: Path, log: LineSink) -> None:
        """`log` gets what the command prints, apart from the protocol."""
        self._argv = tuple(argv)
        self._folder = folder
        self._log = log
        self._servers: set[HttpServer] = set()

    async def start(self, step: Step) -> Instance:
        if any(PORT in word for word in self._argv):
            return await self._start_http()
        if shutil.which(self._folder / self._argv[0]) is None and not shutil.which(self._argv[0]):
            raise StartFailure(f"cannot start `{self._argv[0]}`: there is no such command")
        lines = RecentLines(self._log)
        open_pipe = command(self._argv, cwd=str(self._folder), log=lines)
        upstream = StdioUpstream(f"`{self._argv[0]}`", open_pipe)
        return Instance(upstream, took=Step.RESTART, last_words=lines.text)

    async def _start_http(self) -> Instance:
        port = _free_port()
        lines = RecentLines(self._log)
        server = HttpServer([word.replace(PORT, str(port)) for word in self._argv], lines)
        await server.start(self._folder)
        self._servers.add(server)

        async def end() -> None:
            self._servers.discard(server)
            await server.stop()

        upstream = HttpUpstream(f"http://127.0.0.1:{port}{PATH}", on_close=end)
        return Instance(upstream, server.ended, server.obituary, Step.RESTART, lines.text)

    async def aclose(self) -> None:
        await asyncio.gather(*(server.stop() for server in list(self._servers)))


class HttpServer:
    """One process that serves on a port of its own."""

    def __init__(self, argv: Sequence[str], log: LineSink) -> None:
        self.ended = asyncio.Event()
        self._argv = argv
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self, folder: Path) -> None:
        """Start it.

        Raises:
            StartFailure: the command cannot be run.
        """
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        except OSError as exc:
            raise StartFailure(f"cannot start `{self._argv[0]}`: {exc.strerror}") from exc
        self._reading = asyncio.create_task(self._read(self._process))

    def obituary(self) -> str:
        """How it ended."""
        status = self._process.returncode if self._process is not None else None
        return f"`{self._argv[0]}` {describe_status(status)}"

    async def stop(self) -> None:
        """Ask it to end, with all that it started; kill what does not."""
        assert self._process is not None
        assert self._reading is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await asyncio.wait({self._reading}, timeout=1.0)
        self._reading.cancel()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            with contextlib.suppress(ValueError):  # a line longer than any reader wants
                line = await process.stdout.readline()
                if not line:
                    break
                self._log(line.decode(errors="replace").rstrip())
        await process.wait()
        self.ended.set()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

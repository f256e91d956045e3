"""A fork server seen from the process that gives it orders."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from hud.errors import StartFailure
from hud.runtime.wire import LineProtocol

TERM_GRACE = 5.0
"""Seconds that a server has to end before it is killed."""


class ServerProcess:
    """Starts `python -m MODULE FD`, sends it orders and hands over its events; `on_end` gets its exit status."""

    def __init__(
        self, module: str, on_event: Callable[[dict[str, Any]], None], on_end: Callable[[int | None], None]
    ) -> None:
        self._module = module
        self._on_event = on_event
        self._on_end = on_end
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self.ended = asyncio.Event()

    async def start(self) -> None:
        """Start the process; what it prints goes to this process's standard error."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._control = ours
        with theirs:
            command = [sys.executable, "-m", self._module, str(theirs.fileno())]
            # Popen returns at once, and the process is watched by its socket.
            self._process = subprocess.Popen(  # noqa: ASYNC220
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=2
            )
        protocol = LineProtocol(lambda line: self._on_event(json.loads(line)), self._lose)
        reader = ours.dup()
        await asyncio.get_running_loop().create_connection(lambda: protocol, sock=reader)

    def _lose(self) -> None:
        self.ended.set()
        self._on_end(self._process.wait() if self._process else None)

    def order(self, descriptors: Sequence[int] = (), **order: Any) -> None:
        """Send an order, with descriptors that the server may take.

        Raises:
            StartFailure: the server is gone.
        """
        assert self._control is not None
        try:
            socket.send_fds(self._control, [json.dumps(order).encode() + b"\n"], list(descriptors))
        except OSError as exc:
            raise StartFailure(f"the worker host does not answer: {exc}") from exc

    async def stop(self) -> None:
        """End the server, all its children and what they started."""
        if self._control is not None:
            self._control.close()
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            await asyncio.to_thread(_wait, self._process)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(TERM_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

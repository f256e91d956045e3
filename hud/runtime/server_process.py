"""A fork server seen from the process that gives it orders."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hud.errors import StartFailure
from hud.runtime.exits import kill_group
from hud.runtime.lines import LineProtocol

OUR_FOLDER = Path(__file__).parents[2]
"""Where `hud` can be imported from."""
START = """
import runpy, sys
module, folder = sys.argv[1:3]
del sys.argv[1:3]
sys.path.append(folder)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
"""Runs a module without the current folder on `sys.path`: its files may be named like libraries."""
END_GRACE = 2.0
"""Seconds that a server has to end, once its socket has, before it is killed."""


class ServerProcess:
    """Starts `python -m MODULE FD`, sends it orders and hands over its events; `on_end` gets its
    exit status.
    """

    def __init__(
        self,
        module: str,
        on_event: Callable[[dict[str, Any]], None],
        on_end: Callable[[int | None], None],
        *,
        variables: Mapping[str, str] | None = None,
        output: int = 2,
    ) -> None:
        """`variables` are the process's environment; None gives it this process's. `output` is the
        descriptor that it prints to.
        """
        self._module = module
        self._on_end = on_end
        self._variables = variables
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._protocol = LineProtocol(lambda line: on_event(json.loads(line)), self._lose)
        self._control: socket.socket | None = None
        self._sending = asyncio.Lock()
        self._burial: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()

    async def start(self) -> None:
        """Start the process.

        Raises:
            StartFailure: the operating system refuses.
        """
        try:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            self._control = ours
            with theirs:
                arguments = [self._module, str(OUR_FOLDER), str(theirs.fileno())]
                command = [sys.executable, "-P", "-c", START, *arguments]
                # Popen returns at once, and the process is watched by its socket.
                self._process = subprocess.Popen(  # noqa: ASYNC220
                    command,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    stderr=self._output,
                    env=None if self._variables is None else dict(self._variables),
                    process_group=0,
                )
            await asyncio.get_running_loop().create_connection(
                lambda: self._protocol, sock=ours.dup()
            )
        except OSError as exc:
            raise StartFailure(f"cannot start a worker host: {exc.strerror}") from exc

    def _lose(self) -> None:
        self.ended.set()
        self._burial = asyncio.get_running_loop().create_task(self._bury())

    async def _bury(self) -> None:
        self._on_end(await self._exit_status())

    async def _exit_status(self) -> int | None:
        """The status of the process, which is about to end; it is killed if it does not."""
        if self._process is None:
            return None
        try:
            return await asyncio.to_thread(self._process.wait, END_GRACE)
        except subprocess.TimeoutExpired:
            kill_group(self._process.pid)
            return await asyncio.to_thread(self._process.wait)

    def order(self, **order: Any) -> None:
        """Send an order.

        Raises:
            StartFailure: the server is gone.
        """
        if self.ended.is_set():
            raise StartFailure("the worker host is gone")
        self._protocol.send(order)

    async def order_with(self, descriptors: Sequence[int], **order: Any) -> None:
        """Send an order with descriptors that the server takes, once there is room for it.

        Raises:
            StartFailure: the server is gone.
        """
        assert self._control is not None
        line = json.dumps(order).encode() + b"\n"
        try:
            async with self._sending:
                while not _was_sent(self._control, line, descriptors):
                    await _until_writable(self._control)
        except OSError as exc:
            raise StartFailure(f"the worker host does not answer: {exc.strerror}") from exc

    def kill(self) -> None:
        """Kill the process and its group."""
        if self._process is not None and not self.ended.is_set():
            kill_group(self._process.pid)

    async def stop(self) -> None:
        """End the server, all its children and what they started; stopping again does nothing."""
        if self._protocol.transport is not None:
            self._protocol.transport.close()
        if self._control is not None:
            self._control.close()
        if self._process is None:
            return
        await self._exit_status()
        if self._burial is not None:
            await self._burial
        kill_group(self._process.pid)
        self._process = None


def _was_sent(control: socket.socket, line: bytes, descriptors: Sequence[int]) -> bool:
    """Send a line with its descriptors; False if the socket is full."""
    try:
        socket.send_fds(control, [line], list(descriptors))
    except BlockingIOError:
        return False
    return True


async def _until_writable(control: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(control, writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(control)

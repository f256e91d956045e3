"""A way to a port of a container that no network leads to: each connection to a port of this
process becomes a command in the container, which passes on what comes and goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

import anyio

from hud.containers.contract import Stdio
from hud.errors import DockerFailure

logger = logging.getLogger(__name__)

HERE = "127.0.0.1"
_PIECE = 65536
_PASS_ON = """
import os, socket, sys, threading
port = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
port.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
def out():
    while data := port.recv(65536):
        while data:
            data = data[os.write(1, data):]
    os._exit(0)
threading.Thread(target=out, daemon=True).start()
while data := os.read(0, 65536):
    port.sendall(data)
port.shutdown(socket.SHUT_WR)
threading.Event().wait(30)
"""
_FIND_PROGRAM = """
for python in python3 python /opt/*/bin/python3 /usr/local/bin/python3; do
  command -v "$python" >/dev/null 2>&1 && exec "$python" -S -c "$1" "$2"
done
exec nc 127.0.0.1 "$2"
"""
_RELAY = ("sh", "-c", _FIND_PROGRAM, "sh", _PASS_ON)

Open = Callable[[Sequence[str]], Awaitable[Stdio]]


class Tunnel:
    """Leads to one port of a container. `open_command` starts a command in it."""

    def __init__(self, open_command: Open, port: int) -> None:
        self._open = open_command
        self._command = (*_RELAY, str(port))
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; returns the port in this process that leads to the container's."""
        self._server = await asyncio.start_server(self._accept, HERE, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Cut every connection, and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            stdio = await self._open(self._command)
        except DockerFailure as failure:
            logger.debug("%s", failure.message)
            writer.close()
            return
        sending = asyncio.create_task(_send(reader, stdio))
        try:
            await _receive(stdio, writer)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.close()
            with anyio.CancelScope(shield=True):
                await stdio.aclose()


async def _send(reader: asyncio.StreamReader, stdio: Stdio) -> None:
    with contextlib.suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while data := await reader.read(_PIECE):
            await stdio.send(data)
        await stdio.send_eof()


async def _receive(stdio: Stdio, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(
        OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError
    ):
        while True:
            writer.write(await stdio.receive(_PIECE))
            await writer.drain()

"""An environment over standard input and output, which then belong to the protocol alone."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, redirect_stdout, suppress
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCRequest,
    JSONRPCResponse,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from hud.environment.server.protocol import protocol_server

if TYPE_CHECKING:
    from hud.environment.environment import Environment

CHUNK = 64 * 1024
FLUSH_TIMEOUT = 1.0
"""Seconds that the last answer has to be written when the server stops."""
LAST_SECONDS = 1.0
"""Seconds that answers under way may take once the client has closed its end."""
ENDLESS = ("subscriptions/listen",)
"""Requests that are answered when the client ends them."""


async def serve_stdio(env: Environment, streams: tuple[int, int] | None = None) -> None:
    """Serve the process that started this one, until it closes our standard input.

    `streams` are what `claimed_streams` gave, where they were claimed earlier: before the author's
    module was imported.

    Raises:
        InitializeFailure, ConnectionFailure: the environment could not be entered.
    """
    server = protocol_server(env)
    with claimed_streams() if streams is None else nullcontext(streams) as (source, sink):
        async with env, _messages(source, sink) as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


@contextmanager
def claimed_streams() -> Iterator[tuple[int, int]]:
    """Private duplicates of standard input and output, for the protocol.

    Meanwhile whatever this process and its children print goes to standard error, and their
    standard input is empty. The duplicates stay open afterwards: a thread may still be blocked on
    one, and must not find another file there.
    """
    source, sink, empty = os.dup(0), os.dup(1), os.open(os.devnull, os.O_RDONLY)
    stdout = sys.stdout
    try:
        os.dup2(empty, 0)
        os.dup2(2, 1)
        stdout.flush()  # what was printed before comes out here, not on the protocol's stream
        with redirect_stdout(sys.stderr):
            yield source, sink
    finally:
        stdout.flush()
        os.dup2(sink, 1)
        os.dup2(source, 0)
        os.close(empty)


@asynccontextmanager
async def _messages(
    source: int, sink: int
) -> AsyncIterator[
    tuple[
        MemoryObjectReceiveStream[SessionMessage | Exception],
        MemoryObjectSendStream[SessionMessage],
    ]
]:
    """The protocol's messages: those that come in, and where to send those that go out."""
    arrived, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, leaving = anyio.create_memory_object_stream[SessionMessage](0)
    unanswered = _Unanswered()
    reading = asyncio.create_task(_read(source, arrived, unanswered))
    writing = asyncio.create_task(_write(sink, leaving, unanswered))
    writing.add_done_callback(lambda _done: reading.cancel())
    try:
        yield incoming, outgoing
    finally:
        await asyncio.wait({writing}, timeout=FLUSH_TIMEOUT)
        writing.cancel()
        await asyncio.wait({reading, writing})


class _Unanswered:
    """The requests whose answers a client still waits for that has closed its end already."""

    def __init__(self) -> None:
        self._ids: set[str | int] = set()
        self._answered = asyncio.Event()

    def arrived(self, message: JSONRPCMessage) -> None:
        if isinstance(message, JSONRPCRequest) and message.method not in ENDLESS:
            self._ids.add(message.id)

    def left(self, message: JSONRPCMessage) -> None:
        if isinstance(message, JSONRPCResponse | JSONRPCError) and message.id is not None:
            self._ids.discard(message.id)
            self._answered.set()

    async def settle(self) -> None:
        """Return when all are answered, or after a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while self._ids:
                    self._answered.clear()
                    await self._answered.wait()


async def _read(
    source: int,
    arrived: MemoryObjectSendStream[SessionMessage | Exception],
    unanswered: _Unanswered,
) -> None:
    async with arrived:
        async for line in _lines(source):
            try:
                parsed = jsonrpc_message_adapter.validate_json(line, by_name=False)
                message: SessionMessage | Exception = SessionMessage(parsed)
                unanswered.arrived(parsed)
            except ValidationError as exc:
                message = exc
            await arrived.send(message)
        await unanswered.settle()


async def _write(
    sink: int, leaving: MemoryObjectReceiveStream[SessionMessage], unanswered: _Unanswered
) -> None:
    async with leaving:
        async for message in leaving:
            line = (
                message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
            )
            try:
                await anyio.to_thread.run_sync(_write_all, sink, line, abandon_on_cancel=True)
            except BrokenPipeError:  # the client is gone; our standard input has ended, too
                return
            unanswered.left(message.message)


def _write_all(sink: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]


async def _lines(source: int) -> AsyncIterator[bytes]:
    """The lines of a pipe, a terminal or a regular file, read in a thread that can be stopped."""
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    stop_reading, stop = os.pipe()

    def deliver(chunk: bytes) -> None:
        loop.call_soon_threadsafe(chunks.put_nowait, chunk)

    thread = threading.Thread(target=_pump, args=(source, stop_reading, deliver), daemon=True)
    thread.start()
    partial_line: list[bytes] = []
    try:
        while chunk := await chunks.get():
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                yield b"".join([*partial_line, line])
                partial_line.clear()
            partial_line.append(rest)
    finally:
        os.close(stop)
        thread.join()
        os.close(stop_reading)


def _pump(source: int, stop_reading: int, deliver: Callable[[bytes], None]) -> None:
    while True:
        ready, _, _ = select.select([source, stop_reading], [], [])
        if stop_reading in ready:
            return
        chunk = os.read(source, CHUNK)
        deliver(chunk)
        if not chunk:
            return

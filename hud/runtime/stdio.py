"""MCP over a byte stream that is not a child process's pipe: a container's stdin and stdout,
say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import anyio
import mcp_types
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage

NOISE_LIMIT = 200
"""Lines of output that are no protocol which are kept."""


class Bytes(Protocol):
    """A stream of bytes in both directions."""

    async def send(self, item: bytes) -> None: ...
    async def receive(self, max_bytes: int = 65536) -> bytes: ...
    async def aclose(self) -> None: ...


@asynccontextmanager
async def transport(stream: Bytes, noise: Callable[[str], None]) -> AsyncIterator[TransportStreams]:
    """The stream as a transport for MCP's client: a message a line.

    Lines that are no message go to `noise` and disturb nothing: servers print.
    """
    inbox, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, outbox = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        async with inbox:
            buffer = bytearray()
            while True:
                try:
                    chunk = await stream.receive()
                except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
                    return
                buffer += chunk
                if b"\n" not in chunk:
                    continue
                *lines, rest = bytes(buffer).split(b"\n")
                buffer = bytearray(rest)
                for line in lines:
                    message = _parse(line, noise)
                    if message is not None:
                        await inbox.send(message)

    async def write() -> None:
        async with outbox:
            async for item in outbox:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                try:
                    await stream.send(text.encode() + b"\n")
                except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                    await inbox.aclose()
                    return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(write)
        try:
            yield messages, outgoing
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await stream.aclose()
                messages.close()
                outgoing.close()


def _parse(line: bytes, noise: Callable[[str], None]) -> SessionMessage | None:
    if not line.strip():
        return None
    try:
        return SessionMessage(mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        noise(line.decode(errors="replace"))
        return None

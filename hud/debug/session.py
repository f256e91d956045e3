"""MCP sessions with the server under examination, each held open in a task of its own.

A client whose server goes away ends as a whole; held apart, it takes only its own calls with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from mcp.client import Client
from mcp.client._transport import TransportStreams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from hud.environment.mcp_client import ClientConnection
from hud.errors import HudError, describe

CLOSE_SECONDS = 30.0
"""Seconds that a held context has to close before it is cancelled."""

Era = Literal["legacy", "auto"]
"""`legacy` does the initialize handshake, `auto` asks by `server/discover` first."""

T = TypeVar("T")


class Held(Generic[T]):
    """A context manager that is entered and left in one task, and can be closed from any."""

    def __init__(self, context: AbstractAsyncContextManager[T]) -> None:
        self._context = context
        self._closing = asyncio.Event()
        self._opened: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold())

    async def _hold(self) -> None:
        async with self._context as value:
            self._opened.set_result(value)
            await self._closing.wait()

    async def open(self) -> T:
        """What the context gives, once it is entered. Raises what entering raised, out of its
        groups.
        """
        waited: set[asyncio.Future[Any]] = {self._task, self._opened}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not self._opened.done():
            try:
                await self._task
            except BaseExceptionGroup as group:
                raise innermost(group) from group
        return self._opened.result()

    async def close(self) -> None:
        """Leave the context; returns when it is left. What leaving it raises has nobody to act on
        it any more.
        """
        self._closing.set()
        if not self._opened.done():
            self._task.cancel()
        await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._opened.cancel()


@dataclass(frozen=True)
class Session:
    """An MCP session that is open."""

    client: Client
    connection: ClientConnection
    version: str
    """The protocol version that was agreed on."""

    @property
    def is_modern(self) -> bool:
        return self.version in MODERN_PROTOCOL_VERSIONS


@asynccontextmanager
async def mcp_session(
    transport: AbstractAsyncContextManager[TransportStreams], name: str, *, era: Era, seconds: float
) -> AsyncIterator[Session]:
    """A session over a transport; `seconds` is the time that one request may take."""
    client = Client(transport, mode=era, read_timeout_seconds=seconds, cache=None)
    async with client:
        yield Session(client, ClientConnection(client, name), client.protocol_version)


def innermost(exc: BaseException) -> BaseException:
    """The first real cause in exceptions that task groups have wrapped."""
    while isinstance(exc, BaseExceptionGroup) and exc.exceptions:
        exc = exc.exceptions[0]
    return exc


def reason(exc: BaseException) -> str:
    """One line for what went wrong."""
    cause = innermost(exc)
    return cause.message if isinstance(cause, HudError) else describe(cause)

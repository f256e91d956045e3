"""What can be examined: something that starts servers, one of these at a time or several side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

import anyio
from mcp.client._transport import TransportStreams

from hud.debug.evidence import Evidence, Kind
from hud.errors import EnvironmentFailure
from hud.runtime.stdio import Bytes

NOISE_LIMIT = 50
"""Lines of stdout that are no protocol which are kept."""

EXIT_SECONDS = 3.0
"""Seconds that a process may take to be gone after it closed its stdout."""

TargetKind = Literal["image", "module", "url"]


class CheckFailure(EnvironmentFailure):
    """A check found something wrong; `kind` says what, where the check knows."""

    def __init__(
        self, message: str, *, kind: Kind | None = None, detail: str | None = None
    ) -> None:
        super().__init__(message, detail=detail)
        self.kind = kind


class Noise:
    """What a server printed on stdout that is no protocol."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=NOISE_LIMIT)
        self.count = 0
        self.garbled = asyncio.Event()
        """Set when a message of the protocol is spoilt by what was printed before it on its line."""

    def hear(self, line: str) -> None:
        """Take a line."""
        self.lines.append(line)
        self.count += 1
        if '"jsonrpc"' in line:
            self.garbled.set()


class WatchedStream:
    """A stream that notes when the other side closed it."""

    def __init__(self, stream: Bytes) -> None:
        self._stream = stream
        self.ended = False

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        try:
            return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            self.ended = True
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()


@dataclass(frozen=True)
class Ending:
    """How a server ended that was asked to by SIGTERM."""

    seconds: float
    exit_code: int | None
    """As a shell would give it: 143 for a process that SIGTERM ended."""
    killed: bool
    """Whether it had to be killed."""


class Server(Protocol):
    """A server that runs."""

    noise: Noise
    is_shared: bool
    """Whether several sessions may be open at once."""

    def connect(self) -> AbstractAsyncContextManager[TransportStreams]:
        """A transport to it, for one session. Entering waits until it can be reached.

        Raises (on entering): CheckFailure, where it is certain that it never will be.
        """
        ...

    async def evidence(self) -> Evidence:
        """What is known of it now."""
        ...

    async def stop(self) -> Ending:
        """Ask it to end, by SIGTERM, and kill it if it does not in time."""
        ...


class Target(Protocol):
    """Something that can be examined."""

    name: str
    kind: TargetKind
    found: str
    """Title of the first phase where it passes."""
    not_found: str
    """Title of the first phase where it fails."""

    async def check(self) -> tuple[str, ...]:
        """Look whether it is there at all; returns remarks. Raises CheckFailure."""
        ...

    def start(self) -> AbstractAsyncContextManager[Server]:
        """Start a server of its own; leaving the context ends it and removes what belongs to it."""
        ...

    async def leftovers(self) -> list[str]:
        """What its servers left behind, after all of them were ended."""
        ...

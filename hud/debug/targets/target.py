"""What can be examined: something that starts servers, one of these at a time or several side by
side.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

import anyio
from mcp.client._transport import TransportStreams

from hud.debug.evidence import Evidence, Kind, is_spoilt
from hud.errors import EnvironmentFailure
from hud.runtime.stdio import Bytes

NOISE_LIMIT = 50
"""Lines of stdout that are no protocol which are kept."""

EXIT_SECONDS = 3.0
"""Seconds that a process may take to be gone after it closed its stdout."""

Way = Literal["signal", "closed", "killed"]
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
        """Set when a message of the protocol is spoilt by what was printed before it on its line.
        """

    def hear(self, line: str) -> None:
        """Take a line."""
        self.lines.append(line)
        self.count += 1
        if is_spoilt(line):
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
    way: Way
    """What ended it: SIGTERM alone, SIGTERM and the end of its stdin, or SIGKILL."""


@dataclass(frozen=True)
class Grace:
    """How long a server may take to end."""

    term_seconds: float = 3.0
    """After SIGTERM, before its stdin is closed as well."""
    closed_seconds: float = 7.0
    """After that, before it is killed."""


class Stoppable(Protocol):
    """What `stop_in_steps` needs of a server."""

    async def terminate(self) -> None: ...
    async def close_stdin(self) -> None: ...
    async def kill(self) -> None: ...
    async def wait(self) -> int | None:
        """Its exit code, once it has ended."""
        ...


async def stop_in_steps(server: Stoppable, grace: Grace) -> Ending:
    """Ask a server to end, each time with more force, until it does."""
    started = time.monotonic()
    steps: list[tuple[Way, Callable[[], Awaitable[None]], float]] = [
        ("signal", server.terminate, grace.term_seconds),
        ("closed", server.close_stdin, grace.closed_seconds),
        ("killed", server.kill, EXIT_SECONDS),
    ]
    for way, step, seconds in steps:
        await step()
        with anyio.move_on_after(seconds):
            code = await server.wait()
            return Ending(time.monotonic() - started, code, way)
    return Ending(time.monotonic() - started, None, "killed")


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

    async def is_running(self) -> bool: ...

    async def evidence(self) -> Evidence:
        """What is known of it now."""
        ...

    async def stop(self, grace: Grace) -> Ending:
        """Ask it to end by SIGTERM, then by closing its stdin, and kill it if it does not."""
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

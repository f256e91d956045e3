"""What the phases of one examination share: the servers and sessions that are open, and what was
found out so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import mcp_types
from mcp.shared.exceptions import MCPError
from mcp_types import UNSUPPORTED_PROTOCOL_VERSION

from hud.debug.evidence import Evidence, Kind
from hud.debug.session import Era, Held, Session, mcp_session
from hud.debug.targets.target import CheckFailure, Grace, Server, Target
from hud.errors import ConnectionFailure, boundary

SLACK_SECONDS = 5.0


@dataclass(frozen=True)
class Options:
    """How patient an examination is, and what it may use."""

    start_seconds: float = 60.0
    """Seconds from a server's start to its answer to the handshake."""
    call_seconds: float = 20.0
    """Seconds that one tool call, setup or grading may take."""
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Arguments for scenarios, by their names without the environment; others are made up."""
    grace: Grace = field(default_factory=Grace)
    """How long a server may take to end."""


@dataclass(frozen=True)
class Played:
    """A scenario that was set up and graded."""

    prompt: mcp_types.Prompt
    arguments: Mapping[str, Any]
    text: str
    """The prompt that it gave."""


@dataclass(frozen=True)
class Link:
    """A server and one session with it."""

    server: Server
    session: Session
    held: tuple[Held[Any], ...]

    async def close(self) -> None:
        """End the session, and then the server if it was started for this link."""
        for item in reversed(self.held):
            await item.close()


@dataclass(frozen=True)
class Passed:
    """What a check that passed has to say."""

    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class Examination:
    """One examination, from its first phase to its last."""

    target: Target
    options: Options
    main: Link | None = None
    """The server that most phases use."""
    twin: Link | None = None
    """Another server of the same target, where one is open."""
    server: Server | None = None
    """The main server, also where no session with it came about."""
    tools: list[mcp_types.Tool] = field(default_factory=list)
    scenarios: list[mcp_types.Prompt] = field(default_factory=list)
    played: list[Played] = field(default_factory=list)
    _other: Server | None = None
    _held: list[Held[Any]] = field(default_factory=list)

    @property
    def link(self) -> Link:
        """The main server, which an earlier phase opened."""
        assert self.main is not None
        return self.main

    async def start_main(self) -> None:
        """Start the main server.

        Raises:
            CheckFailure: it cannot be started.
        """
        self.server = await self._hold(Held(self.target.start())).open()

    async def connect_main(self) -> Link:
        """Do the initialize handshake with the main server.

        Raises:
            CheckFailure, ConnectionFailure: it did not answer, or not in words that can be read.
        """
        assert self.server is not None
        self.main = await self.connect(self.server, "legacy")
        return self.main

    async def open_another(self, era: Era) -> Link:
        """Start a further server of the target; there is one at a time."""
        held = self._hold(Held(self.target.start()))
        self._other = await held.open()
        link = await self.connect(self._other, era)
        return replace(link, held=(held, *link.held))

    async def close_another(self, link: Link) -> None:
        """End a further server."""
        self._other = None
        await link.close()

    async def connect(self, server: Server, era: Era) -> Link:
        """Open a session with a server."""
        # Each wait has a limit of its own, which says more than the session's.
        seconds = max(self.options.start_seconds, self.options.call_seconds) + SLACK_SECONDS
        context = mcp_session(server.connect(), self.target.name, era=era, seconds=seconds)
        held = self._hold(Held(context))
        opening = asyncio.ensure_future(_opened(held))
        garbled = asyncio.ensure_future(server.noise.garbled.wait())
        try:
            await asyncio.wait({opening, garbled}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                raise CheckFailure("the server's answer cannot be read", kind=Kind.STDOUT)
            return Link(server, await opening, (held,))
        finally:
            opening.cancel()
            garbled.cancel()
            await asyncio.gather(opening, garbled, return_exceptions=True)

    def _hold(self, held: Held[Any]) -> Held[Any]:
        self._held.append(held)
        return held

    async def evidence(self) -> Evidence:
        """What is known of the server that has ended, or of the main one."""
        if self.server is None:
            return Evidence(in_container=self.target.kind == "image", started=False)
        for server in (self.server, self._other):
            if server is not None and not await server.is_running():
                return await server.evidence()
        return await self.server.evidence()

    async def close(self) -> None:
        """End every session and server."""
        for held in reversed(self._held):
            await held.close()
        self._held.clear()


async def _opened(held: Held[Session]) -> Session:
    try:
        with boundary(ConnectionFailure, "the handshake failed"):
            return await held.open()
    except ConnectionFailure as exc:
        cause = exc.__cause__
        if isinstance(cause, MCPError) and cause.code == UNSUPPORTED_PROTOCOL_VERSION:
            told = f"the server does not speak the handshake era: {cause.message}"
            raise CheckFailure(told, kind=Kind.MODERN_ONLY) from exc
        raise

"""What the phases of one examination share: the servers and sessions that are open, and what was found out so far."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types

from hud.debug.evidence import Evidence
from hud.debug.session import Era, Held, Session, mcp_session
from hud.debug.targets.target import CheckFailure, Server, Target
from hud.errors import ConnectionFailure, boundary


@dataclass(frozen=True)
class Options:
    """How patient an examination is, and what it may use."""

    start_seconds: float = 60.0
    """Seconds from a server's start to its answer to the handshake."""
    call_seconds: float = 20.0
    """Seconds that one tool call, setup or grading may take."""
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Arguments for scenarios, by the scenario's name without its environment; others are made up."""


@dataclass(frozen=True)
class Played:
    """A scenario that was set up and graded."""

    prompt: mcp_types.Prompt
    arguments: Mapping[str, Any]
    text: str
    """The prompt that it gave."""


@dataclass
class Link:
    """A server and one session with it."""

    server: Server
    session: Session
    held: list[Held[Any]]

    async def close(self) -> None:
        """End the session, then the server if it belongs to this link alone."""
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
    """The server that was started last for `main`; also where no session came about."""
    tools: list[mcp_types.Tool] = field(default_factory=list)
    scenarios: list[mcp_types.Prompt] = field(default_factory=list)
    played: list[Played] = field(default_factory=list)
    _held: list[Held[Any]] = field(default_factory=list)

    @property
    def link(self) -> Link:
        """The main server, which an earlier phase opened."""
        assert self.main is not None
        return self.main

    async def open_main(self) -> Link:
        """Start the main server and do the initialize handshake.

        Raises:
            CheckFailure, ConnectionFailure: it could not be started, or did not answer.
        """
        held = self._hold(Held(self.target.start()))
        self.server = await _opened(held)
        session = await self.connect(self.server, "legacy", also=[held])
        self.main = session
        return session

    async def open_another(self, era: Era) -> Link:
        """Start a further server of the target."""
        held = self._hold(Held(self.target.start()))
        return await self.connect(await _opened(held), era, also=[held])

    async def connect(self, server: Server, era: Era, also: list[Held[Any]] | None = None) -> Link:
        """Open a session with a server; `also` are contexts that end with it."""
        transport = server.connect()
        seconds = self.options.start_seconds
        held = self._hold(Held(mcp_session(transport, self.target.name, era=era, seconds=seconds)))
        opening = asyncio.ensure_future(_opened(held))
        garbled = asyncio.ensure_future(server.noise.garbled.wait())
        try:
            await asyncio.wait({opening, garbled}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                raise CheckFailure("the server's answer cannot be read")
            return Link(server, await opening, [*(also or ()), held])
        finally:
            opening.cancel()
            garbled.cancel()
            await asyncio.gather(opening, garbled, return_exceptions=True)

    def _hold(self, held: Held[Any]) -> Held[Any]:
        self._held.append(held)
        return held

    async def evidence(self) -> Evidence:
        """What is known of the main server."""
        return await self.server.evidence() if self.server is not None else Evidence(running=True)

    async def close(self) -> None:
        """End every session and server."""
        for held in reversed(self._held):
            await held.close()
        self._held.clear()


async def _opened(held: Held[Any]) -> Any:
    with boundary(ConnectionFailure, "cannot connect"):
        return await held.open()

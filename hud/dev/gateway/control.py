"""The gateway: one MCP endpoint whose clients' sessions outlive every environment behind it.

1. `swap` puts a new upstream in place of the old one: it is asked what it offers first, and if
   it cannot say, the old one stays. Calls under way finish on the old one, within a grace.
2. `hold` and `drop` make calls wait, `fail` says why there is nothing to wait for.
3. When what is offered differs, every client is told, once.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import anyio
from anyio.abc import TaskGroup
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from hud.dev.gateway.endpoint import Endpoint
from hud.dev.gateway.gate import Gate
from hud.dev.gateway.generation import Generation
from hud.dev.gateway.options import Limits
from hud.dev.gateway.security import Guard
from hud.dev.gateway.sessions import SessionTable, write_private
from hud.dev.gateway.streams import changed_event, feed_session
from hud.dev.gateway.upstreams.snapshot import (
    KINDS,
    Difference,
    ListKind,
    Snapshot,
    differing,
    introduce,
)
from hud.dev.gateway.upstreams.upstream import NotDelivered, Upstream, UpstreamFailure
from hud.errors import HudError

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 30.0
START_PAUSE = 0.05

EventKind = Literal["swapped", "held", "failed", "dropped", "unreachable", "reachable", "closed"]


@dataclass(frozen=True)
class Swap:
    """What a swap, or the restart of an upstream, changed."""

    generation: int
    cause: str
    seconds: float
    """From the start of asking the new upstream until it was in service."""
    at: float
    """When, in seconds since 1970."""
    changes: dict[ListKind, Difference] = field(default_factory=dict)
    """Only the lists that differ."""


@dataclass(frozen=True)
class GatewayEvent:
    """Something that happened to what is served; `cause` says why."""

    kind: EventKind
    cause: str
    swap: Swap | None = None


class Gateway:
    """Serves one environment to many clients: an async context manager, with `app` within it."""

    def __init__(
        self,
        upstream: Upstream | None = None,
        *,
        folder: Path,
        limits: Limits | None = None,
        hosts: Iterable[str] = (),
        passes_authorization: bool = False,
        on_event: Callable[[GatewayEvent], None] | None = None,
    ) -> None:
        """Make a gateway to `upstream`, or to none as yet.

        `folder` is where sessions are kept for the next gateway. `hosts` are names, besides the
        local ones, under which clients may reach it. `on_event` is told what happens, and must
        not block.
        """
        self._limits = limits or Limits()
        self._folder = folder
        self._upstream = upstream
        self._on_event = on_event
        self._gate = Gate(self._limits)
        self._number = 0
        self._last_swap: Swap | None = None
        self._last_error: dict[str, Any] | None = None
        self._digests: dict[str, str] = {}
        self._tasks: TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._swapping = anyio.Lock()
        self._is_closed = False
        sessions = SessionTable(folder, self._limits)
        self._sessions = sessions
        self._endpoint = Endpoint(
            self._gate,
            self._limits,
            sessions,
            self._start,
            passes_authorization=passes_authorization,
        )
        routes = [
            Route("/mcp", self._endpoint),
            Route("/status", self._show_status),
            Route("/health", self._show_health),
            Route("/ready", self._show_ready),
        ]
        self.app: ASGIApp = Guard(Router(routes), self._limits, hosts)

    async def __aenter__(self) -> Gateway:
        """Take over the sessions of an earlier gateway, and start to look for the upstream."""
        self._sessions.restore()
        self._digests = self._read_digests()
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._tasks.start_soon(self._sweep)
        if self._upstream is not None:
            generation = self._next(self._upstream)
            self._gate.generation = generation
            self._gate.block("unreachable", f"{self._upstream.name} is not reached yet")
            await self._tasks.start(generation.run)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close, and end everything."""
        try:
            await self.close()
        finally:
            assert self._tasks is not None
            self._tasks.cancel_scope.cancel()
            await self._stack.__aexit__(kind, error, traceback)

    async def swap(
        self, upstream: Upstream, *, cause: str, grace: float = 30.0, identity: str | None = None
    ) -> Swap:
        """Put `upstream` into service, once it has said what it offers.

        The old one is closed when its calls are answered, or after `grace` seconds, when those
        that are left end with an error. Without success everything stays as it is, and `upstream`
        remains the caller's. Under its `identity` the next gateway finds the sessions again that
        clients have with it.

        Raises:
            UpstreamFailure: it does not answer properly within the limits; the stage says where.
        """
        async with self._swapping:
            started = time.monotonic()
            generation = self._next(upstream, identity)
            generation.adopt(*await self._introduced(upstream))
            assert self._tasks is not None
            await self._tasks.start(generation.run)
            old = self._gate.generation
            before = old.snapshot if old is not None else None
            self._gate.open(generation)
            self._last_error = None
            if old is not None:
                self._start(self._retire, old, grace, cause)
            swap = self._compare(generation, before, cause, time.monotonic() - started)
            self._lead_streams_to(generation)
        self._tell(GatewayEvent("swapped", cause, swap))
        return swap

    def hold(self, cause: str) -> None:
        """Let new calls wait, while the upstream stays; `release`, `swap` or `fail` ends it."""
        self._gate.block("hold", cause)
        self._tell(GatewayEvent("held", cause))

    def release(self) -> None:
        """Let calls through again to the upstream that is there."""
        self._gate.unblock("hold")

    def fail(self, reason: str) -> None:
        """Note that the new version is no good. The old one, if there is one, goes on serving."""
        self._last_error = {"reason": reason, "at": time.time()}
        self._gate.fail(reason)
        self._tell(GatewayEvent("failed", reason))

    async def drop(self, cause: str, *, grace: float = 0.0) -> None:
        """Take the upstream out of service, for a restart that leaves no room for two; calls wait.

        Returns when its calls have ended: answered within `grace` seconds, or with an error.
        """
        generation = self._gate.drop(cause)
        self._tell(GatewayEvent("dropped", cause))
        if generation is not None:
            await self._retire(generation, grace, cause)

    async def check(self) -> None:
        """See whether the environment answers, in a conversation that disturbs no client's.

        Raises:
            UpstreamFailure: it does not, or there is none; the stage says where.
        """
        generation = self._gate.generation
        if generation is None:
            raise NotDelivered(self._gate.failure or self._gate.cause or "there is no environment")
        await generation.check()

    @property
    def snapshot(self) -> Snapshot | None:
        """What the environment in service offers; None while there is none."""
        generation = self._gate.generation
        return generation.snapshot if generation is not None else None

    def status(self) -> dict[str, Any]:
        """What is served, who uses it, and what happened last; plain data."""
        generation, snapshot = self._gate.generation, self.snapshot
        return {
            "state": self._state(),
            "cause": (self._gate.failure if generation is None else None) or self._gate.cause,
            "upstream": generation.upstream.name if generation is not None else None,
            "generation": generation.number if generation is not None else 0,
            "era": _era(snapshot),
            "digests": snapshot.digests if snapshot is not None else {},
            "counts": {kind: len(snapshot.lists.get(kind, {})) for kind in KINDS}
            if snapshot
            else {},
            "sessions": len(self._sessions),
            "streams": self._open_streams(),
            "calls": self._endpoint.calls,
            "held": self._gate.held,
            "last_swap": _plain(self._last_swap),
            "last_error": self._last_error,
        }

    async def close(self) -> None:
        """Refuse new calls, let those under way finish for a moment, end every stream properly."""
        self._gate.block("closing", "the gateway is closing")
        for listener in self._endpoint.listeners.all():
            listener.finish()
        for session in self._sessions.all():
            if session.stream is not None:
                session.stream.close()
        generation = self._gate.generation
        if generation is not None and not generation.retired:
            await self._retire(generation, self._limits.close_seconds, "the gateway is closing")
        if not self._is_closed:
            self._is_closed = True
            self._tell(GatewayEvent("closed", "the gateway is closing"))

    def lost(self, generation: Generation, failure: UpstreamFailure) -> None:
        """A generation's upstream does not answer: calls wait."""
        if self._gate.generation is not generation:
            return
        if self._gate.passes() is not None:
            self._tell(GatewayEvent("unreachable", str(failure)))
        self._gate.block("unreachable", f"{generation.upstream.name} does not answer: {failure}")

    def found(self, generation: Generation, before: Snapshot | None) -> None:
        """A generation's upstream answers, for the first time or again: calls go on."""
        if self._gate.generation is not generation or generation.snapshot is None:
            return
        was_reachable = self._gate.passes() is not None
        self._gate.unblock("unreachable")
        if was_reachable and before is not None and before.digests == generation.snapshot.digests:
            return
        cause = "the server was restarted" if before is not None else "the server was reached"
        swap = self._compare(generation, before, cause, 0.0)
        if before is None:
            self._lead_streams_to(generation)
        self._tell(GatewayEvent("reachable", cause, swap))

    def _next(self, upstream: Upstream, identity: str | None = None) -> Generation:
        self._number += 1
        return Generation(self._number, upstream, self._limits, self, identity)

    async def _introduced(self, upstream: Upstream) -> Any:
        """What the upstream says of itself; while nothing listens there, it is asked again."""
        deadline = anyio.current_time() + self._limits.start_seconds
        while True:
            try:
                snapshot, channel = await introduce(upstream, self._limits)
            except NotDelivered:
                if anyio.current_time() + START_PAUSE > deadline:
                    raise
                await anyio.sleep(START_PAUSE)
            else:
                if not upstream.watchable:
                    await channel.goodbye()
                    return snapshot, None
                return snapshot, channel

    def _compare(
        self, generation: Generation, before: Snapshot | None, cause: str, seconds: float
    ) -> Swap:
        """Find out what differs, and tell every client that can be told, once."""
        snapshot = generation.snapshot
        assert snapshot is not None
        known = before.digests if before is not None else self._digests
        kinds = differing(snapshot.digests, known)
        for kind in kinds:
            self._announce(kind)
        self._digests = snapshot.digests
        write_private(self._folder / "digests.json", self._digests)
        changes = {kind: snapshot.difference(before, kind) for kind in kinds}
        self._last_swap = Swap(generation.number, cause, seconds, time.time(), changes)
        return self._last_swap

    def _announce(self, kind: ListKind) -> None:
        for session in self._sessions.all():
            if session.stream is not None:
                session.stream.put(changed_event(kind))
            else:
                session.owed.add(kind)
        self._endpoint.listeners.announce(kind)

    def _lead_streams_to(self, generation: Generation) -> None:
        """Let everything that clients listen on hear of the new upstream."""
        for session in self._sessions.all():
            if session.stream is not None:
                generation.start(feed_session, session, session.stream, generation, self._limits)
        translator = self._endpoint.translator
        for listener in self._endpoint.listeners.all():
            translator.unlisten(listener)
            if generation.is_modern:
                generation.start(listener.feed, generation)
            else:
                translator.adopt(listener)
        if not generation.is_modern:
            translator.follow(generation)

    async def _retire(self, generation: Generation, grace: float, cause: str) -> None:
        """Let a generation's calls end, then close its upstream."""
        await generation.drained(grace)
        for call in list(generation.calls):
            call.abandon(f"{cause}, and it had not answered after {grace:g} s")
        await generation.drained(1.0)
        generation.retire()
        try:
            await generation.upstream.aclose()
        except (HudError, OSError) as exc:
            logger.warning("%s could not be closed: %s", generation.upstream.name, exc)

    def _start(self, work: Callable[..., Any], *given: object) -> None:
        if self._tasks is not None:
            self._tasks.start_soon(work, *given)

    async def _sweep(self) -> None:
        while True:
            await anyio.sleep(min(SWEEP_SECONDS, self._limits.idle_seconds))
            for session in self._sessions.idle():
                self._sessions.close(session)
                if (channel := session.current()) is not None:
                    await channel.goodbye()
            self._endpoint.translator.sweep()

    def _read_digests(self) -> dict[str, str]:
        try:
            known = json.loads((self._folder / "digests.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _open_streams(self) -> int:
        streams = sum(session.stream is not None for session in self._sessions.all())
        return streams + len(self._endpoint.listeners)

    def _state(self) -> str:
        if self._gate.passes() is not None:
            return "serving"
        if self._gate.generation is None and self._gate.failure is not None:
            return "failed"
        return "waiting"

    def _tell(self, event: GatewayEvent) -> None:
        logger.info("%s: %s", event.kind, event.cause)
        if self._on_event is not None:
            self._on_event(event)

    async def _show_status(self, request: Request) -> JSONResponse:
        return JSONResponse(self.status())

    async def _show_health(self, request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def _show_ready(self, request: Request) -> JSONResponse:
        try:
            await self.check()
        except UpstreamFailure as exc:
            problem = {"status": "not ready", "stage": exc.stage, "reason": exc.reason}
            return JSONResponse(problem, status_code=503)
        return JSONResponse({"status": "ready"})


def _era(snapshot: Snapshot | None) -> str | None:
    if snapshot is None:
        return None
    return "2026-07-28" if snapshot.is_modern else str(snapshot.hello.get("protocolVersion"))


def _plain(swap: Swap | None) -> dict[str, Any] | None:
    if swap is None:
        return None
    changes = {kind: vars(difference) for kind, difference in swap.changes.items()}
    return {**vars(swap), "changes": changes}

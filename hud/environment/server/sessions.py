"""Which `Session` answers a request, and for how long it lives.

1. The handshake era has sessions: over HTTP one for each session id, over standard input one for
   the connection. Ours ends when theirs does (deleted, expired, disconnected).
2. The 2026-07-28 era has none. A client that names one in a request's `_meta` (`hud/session`) gets
   a session of that name; all others share one. These expire when they have been idle.
3. A session that ends closes its scenario. What is still closing when the server stops is waited
   for, a bounded time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mcp.server.context import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from hud.environment.server.inquiries import Inquiries
from hud.environment.session import Session
from hud.errors import EnvironmentFailure

if TYPE_CHECKING:
    from hud.environment.environment import Environment

SESSION_NAME = "hud/session"
"""Key of a request's `_meta` that names its session, for clients of the era without sessions."""

CLOSE_TIMEOUT = 5.0
"""Seconds that scenarios under way have for their clean-up when the server stops."""

STATE_KEY = "hud.session"

Result = TypeVar("Result")
RequestContext = ServerRequestContext["Sessions", Any]


@dataclass(frozen=True)
class Limits:
    """How many sessions a server keeps, and how long an idle one."""

    idle_timeout: float | None = 1800.0
    """Seconds without a request after which a session ends; None for never."""
    max_sessions: int = 10_000
    answer_timeout: float = 600.0
    """Seconds that a client has for what a tool asks it, where it is asked by a result."""
    max_waiting: int = 200
    """Calls that may wait for such answers at once."""


@dataclass
class _Named:
    """A session of the era without sessions."""

    session: Session
    requests: int = 0
    """How many are being answered."""
    expiry: asyncio.TimerHandle | None = None


class Sessions:
    """The sessions of one running server."""

    def __init__(self, env: Environment, limits: Limits) -> None:
        self._env = env
        self._limits = limits
        self._open: set[Session] = set()
        self._named: dict[str, _Named] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.inquiries = Inquiries(limits.answer_timeout, limits.max_waiting)

    async def perform(
        self, ctx: RequestContext, operation: Callable[[Session], Coroutine[Any, Any, Result]]
    ) -> Result:
        """Run an operation in the request's session.

        Author's code runs in a task of its own: when the request is cancelled it hears of that
        once, and its clean-up may await.

        Raises:
            EnvironmentFailure: there are too many sessions, or the code cancelled itself.
        """
        with self._session(ctx) as session:
            task = self._start(operation(session))
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                if task.done():
                    raise EnvironmentFailure(
                        f"`{ctx.method}` was cancelled by the environment itself"
                    ) from None
                task.cancel()
                raise

    def _start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @contextmanager
    def _session(self, ctx: RequestContext) -> Iterator[Session]:
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            yield self._of_connection(ctx)
            return
        name = (ctx.meta or {}).get(SESSION_NAME)
        with self._in_use(name if isinstance(name, str) else "") as session:
            yield session

    def _of_connection(self, ctx: RequestContext) -> Session:
        # The library has no public way yet from a request to its connection, which its
        # documentation tells handlers to hang their state and clean-up on.
        connection = ctx.session._connection
        session: Session | None = connection.state.get(STATE_KEY)
        if session is None:
            session = connection.state[STATE_KEY] = self._opened()
            connection.exit_stack.push_async_callback(self._ended, session)
        return session

    @contextmanager
    def _in_use(self, name: str) -> Iterator[Session]:
        named = self._named.get(name)
        if named is None:
            named = self._named[name] = _Named(self._opened())
        if named.expiry is not None:
            named.expiry.cancel()
        named.requests += 1
        try:
            yield named.session
        finally:
            named.requests -= 1
            if named.requests == 0 and self._limits.idle_timeout is not None:
                loop = asyncio.get_running_loop()
                named.expiry = loop.call_later(self._limits.idle_timeout, self._expire, name)

    def _opened(self) -> Session:
        if len(self._open) >= self._limits.max_sessions:
            raise EnvironmentFailure(
                f"environment `{self._env.name}` has {len(self._open)} sessions, and opens no more",
                hint="end sessions that are not used any more, or raise `max_sessions`",
            )
        session = Session(self._env)
        self._open.add(session)
        return session

    def _expire(self, name: str) -> None:
        self._end(self._named.pop(name).session)

    def _end(self, session: Session) -> asyncio.Task[None]:
        self._open.discard(session)
        return self._start(session.close())

    async def _ended(self, session: Session) -> None:
        await asyncio.shield(self._end(session))

    async def close(self) -> None:
        """End all sessions and wait, a bounded time, for their scenarios to clean up."""
        self.inquiries.close()
        for named in self._named.values():
            if named.expiry is not None:
                named.expiry.cancel()
        for session in list(self._open):
            self._end(session)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT)

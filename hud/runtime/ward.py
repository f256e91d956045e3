"""An engine whose containers are watched: a request to one that dies, is paused or runs out of
memory ends at once, with that cause, instead of at its time limit.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

from hud.containers import Container, Containers, Engine, Event, State
from hud.containers.contract import OUT_OF_MEMORY
from hud.errors import DockerFailure, EnvironmentFailure

logger = logging.getLogger(__name__)

T = TypeVar("T")

OOM, PAUSED, DIED = "oom", "pause", "die"
"""The engine's words for what ends a rollout."""


class Life:
    """What happens to one container."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self._struck = asyncio.Event()
        self._blows: set[str] = set()
        self._failure: EnvironmentFailure | None = None

    def hear(self, event: Event) -> None:
        """Take in what the engine tells of the container."""
        if event.action in (OOM, PAUSED, DIED):
            self._blows.add(event.action)
            self._struck.set()

    def strike(self, failure: EnvironmentFailure) -> None:
        """Note what was found out about the container; it is not intact any more."""
        self._failure = failure
        self._struck.set()

    @property
    def is_intact(self) -> bool:
        """Whether nothing happened to it that ends a rollout."""
        return not self._struck.is_set()

    async def stays_intact(self, seconds: float) -> bool:
        """Whether it runs, and nothing happens to it for that long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._struck.wait()
        if not self.is_intact:
            return False
        try:
            return _is_at_rest(await self.container.state())
        except DockerFailure:
            return False

    async def during(self, request: Coroutine[Any, Any, T]) -> T:
        """The request's result, as long as the container is intact.

        Raises:
            EnvironmentFailure: it no longer is; says what happened.
        """
        asking = asyncio.ensure_future(request)
        struck = asyncio.ensure_future(self._struck.wait())
        try:
            await asyncio.wait({asking, struck}, return_when=asyncio.FIRST_COMPLETED)
            if struck.done():
                raise await self.obituary()
            return asking.result()
        finally:
            asking.cancel()
            struck.cancel()
            await asyncio.gather(asking, struck, return_exceptions=True)

    async def obituary(self) -> EnvironmentFailure:
        """What happened to the container, with the last lines that it printed."""
        if self._failure is not None:
            return self._failure
        cause, logs = await self._cause(), ""
        try:
            logs = (await self.container.logs()).strip()
        except DockerFailure as failure:
            logger.debug("%s", failure.message)
        told = f"ran {cause}" if cause.startswith(OUT_OF_MEMORY) else cause
        return EnvironmentFailure(f"the container {told}", detail=logs or None)

    async def _cause(self) -> str:
        try:
            state = await self.container.state()
        except DockerFailure:
            return "is gone"
        if OOM in self._blows:
            state = replace(state, oom_killed=True)
        return f"is {state.status}" if _is_at_rest(state) else state.cause()


def _is_at_rest(state: State) -> bool:
    """Whether it has not ended, and was not ended."""
    return state.is_running and not state.oom_killed


@dataclass
class Ward:
    """An engine and the lives of the containers that run in it. `starting` bounds how many start at
    a time.
    """

    engine: Containers
    starting: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(os.cpu_count() or 1)
    )
    _lives: dict[str, Life] = field(default_factory=dict)
    _following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    @contextmanager
    def watched(self, container: Container) -> Iterator[Life]:
        """The container's life, for as long as it is of interest."""
        life = self._lives[container.id] = Life(container)
        try:
            yield life
        finally:
            del self._lives[container.id]

    async def _follow(self) -> None:
        try:
            async with aclosing(self.engine.events()) as events:
                async for event in events:
                    if event.container in self._lives:
                        self._lives[event.container].hear(event)
        except DockerFailure as failure:
            logger.warning("containers are no longer watched: %s", failure.message)


@dataclass
class _Open:
    """A ward that is open in one event loop."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    engine: Engine = field(default_factory=Engine)
    ward: Ward | None = None
    users: int = 0


_open: WeakKeyDictionary[asyncio.AbstractEventLoop, _Open] = WeakKeyDictionary()


@asynccontextmanager
async def shared_ward() -> AsyncIterator[Ward]:
    """The engine that the environment names, opened once for all who use it in this event loop.

    Raises:
        EngineUnavailable: none answers.
    """
    shared = _open.setdefault(asyncio.get_running_loop(), _Open())
    async with shared.lock:
        if shared.ward is None:
            shared.ward = await Ward(await shared.engine.__aenter__()).__aenter__()
        shared.users += 1
    try:
        yield shared.ward
    finally:
        async with shared.lock:
            shared.users -= 1
            if shared.users == 0:
                await shared.ward.__aexit__()
                shared.ward = None
                await shared.engine.__aexit__()

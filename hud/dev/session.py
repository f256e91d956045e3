"""A dev session: the gateway, the watcher and the versions behind it, joined. Yields events; prints nothing.

1. A save is decided upon (`watcher.decide`), the new version is started and asked what it offers, and only then takes over.
2. A version that cannot be loaded changes nothing: the last good one serves on, and the next save tries again.
3. While one change is worked on, further ones are collected; together they are one more reload.
4. Each step falls through to the next higher one if it fails for another reason than the author's code.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from hud.dev.gateway import Gateway, Limits, Swap, UpstreamFailure
from hud.dev.instances import Backend, Instance
from hud.dev.watcher import Action, Step, WatchList, decide, watch
from hud.errors import HudError

GRACE_SECONDS = 30.0
"""How long calls under way may go on in the old version."""
EVENTS_SIZE = 256


@dataclass(frozen=True)
class Ready:
    """The first version serves."""

    name: str
    summary: str
    seconds: float


@dataclass(frozen=True)
class Reloaded:
    """A new version serves."""

    cause: str
    step: Step
    seconds: float
    """From the change's discovery until the new version served."""
    swap: Swap
    summary: str


@dataclass(frozen=True)
class Failed:
    """A version could not be loaded; the last good one, if there is one, serves on."""

    cause: str
    error: HudError
    seconds: float


Event = Ready | Reloaded | Failed


@dataclass
class DevSession:
    """Serves an environment through `gateway` and swaps in a new version on every change."""

    gateway: Gateway
    backend: Backend
    watched: WatchList
    has_image: bool = False
    """Whether there is an image that some changes ask to rebuild."""
    poll: bool = False
    limits: Limits = field(default_factory=Limits)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _pending: list[Path] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def events(self) -> AsyncIterator[Event]:
        """Start, then work on changes until `stop` is called."""
        watching = asyncio.create_task(self._watch())
        try:
            yield await self._begin()
            while await self._next_change():
                changed, self._pending = self._pending, []
                action = decide(changed, self.watched, has_image=self.has_image)
                if action.step is not Step.NOTHING:
                    yield await self._apply(action)
        finally:
            self._stop.set()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self.backend.aclose()

    def stop(self) -> None:
        """End the session; `events` returns."""
        self._stop.set()
        self._changed.set()

    async def _watch(self) -> None:
        if not self.watched.paths:
            return
        async for changed in watch(self.watched, poll=self.poll, stop=self._stop):
            self._pending = list(dict.fromkeys([*self._pending, *changed]))
            self._changed.set()

    async def _next_change(self) -> bool:
        await self._changed.wait()
        self._changed.clear()
        return not self._stop.is_set()

    async def _begin(self) -> Event:
        started = time.monotonic()
        try:
            instance, _ = await self._put_into_service("the session starts")
        except HudError as exc:
            return self._failed("the session starts", exc, started)
        return Ready(instance.name, instance.summary, time.monotonic() - started)

    async def _apply(self, action: Action) -> Event:
        """Do what a change asks for, and the next higher step where that fails for our reasons."""
        started = time.monotonic()
        if action.step > Step.RELOAD:
            await self.backend.renew()
        try:
            instance, swap = await self._put_into_service(action.cause)
        except HudError as exc:
            return self._failed(action.cause, exc, started)
        seconds = time.monotonic() - started
        return Reloaded(action.cause, action.step, seconds, swap, instance.summary)

    async def _put_into_service(self, cause: str) -> tuple[Instance, Swap]:
        """Start a version and let the gateway take it.

        Raises:
            HudError: it could not be loaded, or does not answer.
        """
        instance = await self.backend.start()
        try:
            return instance, await self.gateway.swap(instance.upstream, cause=cause, grace=GRACE_SECONDS)
        except UpstreamFailure:
            await instance.upstream.aclose()
            raise

    def _failed(self, cause: str, exc: HudError, started: float) -> Failed:
        self.gateway.fail(f"{cause}: {exc.message}")
        return Failed(cause, exc, time.monotonic() - started)

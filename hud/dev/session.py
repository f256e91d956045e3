"""A dev session: the gateway, the watcher and the versions behind it, joined. Yields events; prints
nothing.

1. A save is decided upon (`watcher.decide`), the new version is started and asked what it offers,
   and only then takes over.
2. A version that cannot be loaded changes nothing: the last good one serves on, and the next save
   tries again.
3. While one change is worked on, further ones are collected; together they are one more reload. A
   version that takes long to load is given up for them.
4. A step that fails for another reason than the author's code falls through to the next higher one.
5. Where two versions have no room beside each other, the old one ends first, and calls wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from pathlib import Path

from hud.dev.backend import Backend, Instance
from hud.dev.gateway import Gateway, Swap, UpstreamFailure
from hud.dev.watcher import Action, Contents, Step, WatchList, decide, watch
from hud.errors import DockerFailure, EnvironmentFailure, HudError, StartFailure

GRACE_SECONDS = 30.0
"""How long calls under way may go on in the old version."""
SHORT_GRACE_SECONDS = 5.0
"""How long they may where the old version has to make room."""
PATIENCE_SECONDS = 1.0
"""How long a version may take to load before a further save supersedes it."""
QUIET_SECONDS = 0.15
"""How long files have to rest that were saved while, or just after, a version was loaded."""
LONGEST_BURST_SECONDS = 2.0
REVIVALS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each attempt to replace a version that ended by itself."""
STEADY_SECONDS = 10.0
"""A version that served for so long may be replaced as often as the first time."""
NO_ROOM = ("address already in use", "eaddrinuse", "port is already allocated", "errno 98")


@dataclass(frozen=True)
class Ready:
    """The first version serves."""

    seconds: float


@dataclass(frozen=True)
class Reloaded:
    """A new version serves."""

    cause: str
    step: Step
    seconds: float
    """From the change's discovery until the new version served."""
    swap: Swap


@dataclass(frozen=True)
class Failed:
    """A version could not be loaded; the last good one, if there is one, serves on."""

    cause: str
    error: HudError
    seconds: float
    is_serving: bool
    """Whether there is a last good version."""


Event = Ready | Reloaded | Failed


class Superseded(Exception):
    """A further save came while a version took long to load."""


@dataclass
class DevSession:
    """Serves an environment through `gateway` and swaps in a new version on every change."""

    gateway: Gateway
    backend: Backend
    watched: WatchList
    has_image: bool = False
    """Whether there is an image that some changes ask to rebuild."""
    poll: bool = False
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _pending: list[Path] = field(default_factory=list)
    _owed: Action | None = None
    """What a version was started for that was superseded or failed, and is still to be done."""
    _blindness: HudError | OSError | None = None
    """Why files are not watched any more."""
    _was_ready: bool = False
    _worked_at: float = float("-inf")
    """When the last version was loaded, or was not."""
    _serving: Instance | None = None
    _serving_since: float = 0.0
    _deaths: int = 0
    _mourner: asyncio.Task[None] | None = None

    async def events(self) -> AsyncGenerator[Event, None]:
        """Start, then work on changes until `stop` is called. The last version serves on then.

        Raises:
            HudError, OSError: files cannot be watched.
        """
        # Before the first version is loaded: a save while that goes on is a change.
        contents = await asyncio.to_thread(Contents, self.watched)
        watching = asyncio.create_task(self._watch(contents))
        try:
            first = Action(Step.RELOAD, "the session starts")
            if (event := await self._apply(first)) is not None:
                yield event
            while (action := await self._next_action()) is not None:
                if (event := await self._apply(action)) is not None:
                    yield event
        finally:
            self._stop.set()
            tasks = [watching, *([self._mourner] if self._mourner else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """End the session; `events` returns."""
        self._stop.set()
        self._news.set()

    async def _watch(self, contents: Contents) -> None:
        if not self.watched.paths:
            return
        try:
            async for changed in watch(contents, poll=self.poll, stop=self._stop):
                self._pending = list(dict.fromkeys([*self._pending, *changed]))
                self._news.set()
        except (HudError, OSError) as exc:
            self._blindness = exc
            self._news.set()

    async def _next_action(self) -> Action | None:
        """What to do next, once there is something to do; None at the end."""
        while True:
            await self._news.wait()
            if self._pending and time.monotonic() - self._worked_at < QUIET_SECONDS:
                await self._settle()
            self._news.clear()
            if self._stop.is_set():
                return None
            if self._blindness is not None:
                raise self._blindness
            changed, self._pending = self._pending, []
            action = decide(changed, self.watched, has_image=self.has_image)
            owed, self._owed = self._owed, None
            if owed is not None:
                action = _both(owed, action)
            if action.step is not Step.NOTHING:
                return action
            if self._serving is not None and self._serving.ended.is_set():
                return await self._revival(self._serving)

    async def _settle(self) -> None:
        """Let a burst of saves end that outlasted the last reload, so that it takes one more and
        not many.
        """
        deadline = time.monotonic() + LONGEST_BURST_SECONDS
        is_quiet = False
        while not is_quiet and not self._stop.is_set() and time.monotonic() < deadline:
            self._news.clear()
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                is_quiet = True

    async def _revival(self, dead: Instance) -> Action | None:
        """Replace a version that ended by itself, after a pause that grows with each time."""
        cause = dead.obituary()
        if time.monotonic() - self._serving_since > STEADY_SECONDS:
            self._deaths = 0
        if self._deaths == len(REVIVALS):
            await self._give_up(cause)
            return await self._next_action()
        pause = REVIVALS[self._deaths]
        action = Action(Step.RESTART if self._deaths else Step.RELOAD, cause)
        self._deaths += 1
        try:
            async with asyncio.timeout(pause):
                await self._news.wait()
        except TimeoutError:
            return action
        self._owed = action
        return await self._next_action()

    async def _give_up(self, cause: str) -> None:
        self._serving, self._deaths = None, 0
        await self.gateway.drop(cause)
        self.gateway.fail(f"{cause}, {len(REVIVALS)} times in a row; save a file to try again")

    async def _apply(self, action: Action) -> Event | None:
        """Do what is asked for; None if a further save made it pointless."""
        started = time.monotonic()
        try:
            return await self._attempt(action, started)
        finally:
            self._worked_at = time.monotonic()

    async def _attempt(self, action: Action, started: float) -> Event | None:
        try:
            swap, done = await self._climb(action)
            assert self._serving is not None
            step = max(self._serving.took or done.step, done.step)
        except Superseded:
            self._owed = action
            return None
        except HudError as exc:
            if action.step > Step.RELOAD:
                self._owed = action
            if self._serving is not None and self._serving.ended.is_set():
                self._forget_serving()
                await self.gateway.drop(action.cause)
            self.gateway.fail(f"{action.cause}: {exc.message}")
            seconds = time.monotonic() - started
            return Failed(action.cause, exc, seconds, self._serving is not None)
        seconds = time.monotonic() - started
        if not self._was_ready:
            self._was_ready = True
            return Ready(seconds)
        return Reloaded(done.cause, step, seconds, swap)

    async def _climb(self, action: Action) -> tuple[Swap, Action]:
        """Take the step, and the next higher one as long as it fails for no fault of the author's.

        Raises:
            Superseded: a further save came.
            HudError: the highest step failed too, or the author's code did.
        """
        while True:
            try:
                swap = await self._unless_superseded(action)
            except HudError as exc:
                if _is_authors(exc) or action.step >= self.backend.highest:
                    raise
                higher = Step(action.step + 1)
                action = Action(higher, f"{action.cause} (step failed: {exc.message})")
            else:
                return swap, action

    async def _unless_superseded(self, action: Action) -> Swap:
        loading = asyncio.create_task(self._put_into_service(action))
        try:
            await asyncio.wait({loading}, timeout=PATIENCE_SECONDS)
            if not loading.done():
                news = asyncio.create_task(self._news.wait())
                await asyncio.wait({loading, news}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
            if loading.done():
                return loading.result()
            raise Superseded
        finally:
            if not loading.done():
                loading.cancel()
                await asyncio.wait({loading})

    async def _put_into_service(self, action: Action) -> Swap:
        """Start a version and let the gateway take it; where there is no room for two, end the old
        one first.

        Raises:
            HudError: it could not be loaded, or does not answer.
        """
        try:
            return await self._swap(action)
        except HudError as exc:
            if self._serving is None or not _lacks_room(exc):
                raise
        self._forget_serving()
        await self.gateway.drop(action.cause, grace=SHORT_GRACE_SECONDS)
        return await self._swap(replace(action, step=Step.RELOAD))

    async def _swap(self, action: Action) -> Swap:
        instance = await self.backend.start(action.step)
        swapping = asyncio.create_task(
            self.gateway.swap(
                instance.upstream,
                cause=action.cause,
                grace=GRACE_SECONDS,
                identity=instance.identity,
            )
        )
        ended = asyncio.create_task(instance.ended.wait())
        try:
            await asyncio.wait({swapping, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not swapping.done():
                raise StartFailure(f"{instance.obituary()} before it answered")
            swap = swapping.result()
        except BaseException as exc:
            exc.add_note(instance.last_words())
            swapping.cancel()
            await asyncio.gather(swapping, return_exceptions=True)
            await instance.upstream.aclose()
            if instance.took is not None and isinstance(exc, HudError):
                raise _of_the_program(exc) from exc
            raise
        finally:
            ended.cancel()
        self._watch_over(instance)
        return swap

    def _watch_over(self, instance: Instance) -> None:
        self._forget_serving()
        self._serving, self._serving_since = instance, time.monotonic()
        self._mourner = asyncio.create_task(self._mourn(instance))

    def _forget_serving(self) -> None:
        self._serving = None
        if self._mourner is not None:
            self._mourner.cancel()

    async def _mourn(self, instance: Instance) -> None:
        await instance.ended.wait()
        self._news.set()


def _both(owed: Action, action: Action) -> Action:
    """What was to be done, and what came since, in one."""
    if action.step is Step.NOTHING:
        return owed
    return Action(max(owed.step, action.step), action.cause)


def _is_authors(exc: HudError) -> bool:
    """Whether the author's files are at fault, so that no higher step can help."""
    is_ours = isinstance(exc, StartFailure | UpstreamFailure | DockerFailure)
    return not is_ours or exc.boundary == "build"


def _of_the_program(exc: HudError) -> EnvironmentFailure:
    """The failure of a program that was started anew already, so that no higher step can help."""
    failure = EnvironmentFailure(exc.message, hint=exc.hint, detail=exc.detail)
    for note in getattr(exc, "__notes__", ()):
        failure.add_note(note)
    return failure


def _lacks_room(exc: HudError) -> bool:
    text = "\n".join([exc.message, exc.detail or "", *getattr(exc, "__notes__", ())]).lower()
    return any(sign in text for sign in NO_ROOM)

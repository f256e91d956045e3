"""Starting and stopping an environment: hooks run once, connections open together.

However many users an environment has: the first one in starts it, the last one out stops it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import anyio

from hud.environment.connections import OpenSources, Source
from hud.environment.lifespan import Lifespan, MakeLifespan
from hud.environment.registry import call
from hud.errors import HudError, InitializeFailure, describe

logger = logging.getLogger(__name__)


class RunOnce:
    """An initialize hook: callable like the function, but once it succeeded a call does nothing."""

    __name__: str

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.done = False
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if inspect.iscoroutinefunction(self.function):
            return self._run_async(*args, **kwargs)
        if self.done:
            return None
        with self._once():
            return self.function(*args, **kwargs)

    async def _run_async(self, *args: Any, **kwargs: Any) -> Any:
        if self.done:
            return None
        with self._once():
            return await self.function(*args, **kwargs)

    @contextmanager
    def _once(self) -> Iterator[None]:
        self.done = True
        try:
            yield
        except BaseException:
            self.done = False
            raise


class Lifecycle:
    """Counts who uses an environment."""

    def __init__(self) -> None:
        self.initializers: list[RunOnce] = []
        self.shutdowns: list[Callable[..., Any]] = []
        self.make_lifespan: MakeLifespan | None = None
        self.lifespan: Lifespan | None = None
        """The lifespan under way, if the author has given one."""
        self.sources = OpenSources()
        self.users = 0
        """How many are inside."""
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )

    def another(self) -> Lifecycle:
        """A life of its own with the same hooks, which has not begun."""
        other = Lifecycle()
        other.initializers = [RunOnce(hook.function) for hook in self.initializers]
        other.shutdowns = self.shutdowns
        other.make_lifespan = self.make_lifespan
        return other

    def _guard(self) -> asyncio.Lock:
        """The lock of the running loop; an environment may be used in one loop after another."""
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    async def enter(self, sources: list[Source], connected: Callable[[], None]) -> None:
        """Count a user in; for the first, connect, then call `connected` and the hooks.

        Raises:
            ConnectionFailure: a connection cannot be opened.
            InitializeFailure: the lifespan or an initialize hook raised.
        """
        async with self._guard():
            if self.users == 0:
                await self._start(sources, connected)
            self.users += 1

    async def _start(self, sources: list[Source], connected: Callable[[], None]) -> None:
        await self.sources.open(sources)
        try:
            connected()
            await self._enter_lifespan()
            for hook in self.initializers:
                await _run_initializer(hook)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._stop()
            raise

    async def _enter_lifespan(self) -> None:
        if self.make_lifespan is not None:
            self.lifespan = Lifespan(self.make_lifespan)
            await self.lifespan.enter()

    async def leave(self) -> None:
        """Count a user out; the last one shuts the environment down, even while being cancelled."""
        with anyio.CancelScope(shield=True):
            async with self._guard():
                self.users -= 1
                if self.users == 0:
                    await self._stop()

    async def _stop(self) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.sources.close)
            stack.push_async_callback(self._leave_lifespan)
            for hook in reversed(self.shutdowns):
                stack.push_async_callback(_run_shutdown, hook)
            for initializer in self.initializers:
                initializer.done = False

    async def _leave_lifespan(self) -> None:
        lifespan, self.lifespan = self.lifespan, None
        if lifespan is not None:
            await lifespan.leave()


async def _run_shutdown(hook: Callable[..., Any]) -> None:
    try:
        await call(functools.partial(hook, *_context_for(hook)))
    except (Exception, SystemExit) as exc:  # noqa: BLE001 - every hook gets its turn
        logger.warning(
            "shutdown hook `%s` raised %s", getattr(hook, "__name__", hook), describe(exc)
        )


async def _run_initializer(hook: RunOnce) -> None:
    name = getattr(hook.function, "__name__", "initialize")
    try:
        value = hook(*_context_for(hook.function))
        if inspect.isawaitable(value):
            await value
    except HudError:
        raise
    except Exception as exc:
        raise InitializeFailure(f"initialize hook `{name}` failed: {describe(exc)}") from exc


def _context_for(hook: Callable[..., Any]) -> tuple[SimpleNamespace, ...]:
    """What a hook is called with: a request's context, if it takes an argument."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    wants = any(
        parameter.kind in kinds and parameter.default is inspect.Parameter.empty
        for parameter in inspect.signature(hook).parameters.values()
    )
    return (SimpleNamespace(session=None, meta={}),) if wants else ()

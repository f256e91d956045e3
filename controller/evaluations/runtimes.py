"""Which runtime plays a task: that of its environment, opened when the first rollout needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from hud.errors import HudError, StartFailure, UserError, error_data, error_from
from hud.runtime.runtime import Instance, Runtime
from hud.task import Task


class EnvironmentDoor(Protocol):
    """What evaluations ask of the controller's environments."""

    async def names(self) -> list[str]:
        """The environments that there are."""
        ...

    async def own_tasks(self, name: str) -> list[Task]:
        """The tasks that come with an environment, as data.

        Raises:
            UserError: there is no such environment, it has no tasks, or they cannot be read.
        """
        ...

    async def open_runtime(self, name: str, tasks: Sequence[Task]) -> Runtime:
        """A runtime that starts fresh instances of an environment for these tasks.

        Raises:
            HudError: the environment is not there, or does not start.
        """
        ...


class LazyRuntime:
    """A runtime that is opened by the first rollout; a failure to open is every rollout's."""

    def __init__(self, opening: Callable[[], Awaitable[Runtime]]) -> None:
        self._opening = opening
        self._opened: asyncio.Task[Runtime] | None = None

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[Instance]:
        if self._opened is None:
            self._opened = asyncio.create_task(self._open())
        try:
            # A rollout that is cancelled while it waits leaves the opening to the others.
            runtime = await asyncio.shield(self._opened)
        except HudError as exc:
            # One exception for all of them would grow by a traceback with each.
            raise error_from(exc.message, error_data(exc)) from None
        async with runtime.start(task, seed=seed) as instance:
            yield instance

    async def _open(self) -> Runtime:
        try:
            return await self._opening()
        except UserError as exc:
            raise StartFailure(exc.message, hint=exc.hint, detail=exc.detail) from exc

    async def aclose(self) -> None:
        if self._opened is None:
            return
        self._opened.cancel()
        (opened,) = await asyncio.gather(self._opened, return_exceptions=True)
        if not isinstance(opened, BaseException):
            await opened.aclose()


class ByEnvironment:
    """Plays each task in the runtime of its environment."""

    def __init__(self, runtimes: Mapping[str, Runtime]) -> None:
        self._runtimes = runtimes

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[Instance]:
        async with self._runtimes[task.env_name or ""].start(task, seed=seed) as instance:
            yield instance

    async def aclose(self) -> None:
        for runtime in self._runtimes.values():
            await runtime.aclose()


def runtimes_for(door: EnvironmentDoor, tasks: Sequence[Task], otherwise: str) -> ByEnvironment:
    """The runtimes that tasks need; those that name no environment run in `otherwise`."""
    by_name: dict[str, list[Task]] = {}
    for task in tasks:
        by_name.setdefault(task.env_name or "", []).append(task)
    return ByEnvironment(
        {name: _lazy(door, name or otherwise, own) for name, own in by_name.items()}
    )


def _lazy(door: EnvironmentDoor, name: str, tasks: Sequence[Task]) -> LazyRuntime:
    return LazyRuntime(lambda: door.open_runtime(name, tasks))

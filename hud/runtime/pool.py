"""A pool of warm things: some are opened ahead, so that whoever takes one need not wait."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Generic, TypeVar

import anyio

from hud.environment.connections import Supervised

T = TypeVar("T")


class Pool(Generic[T]):
    """Opens things ahead, hands each out once, and closes it afterwards.

    `is_good` tells whether one that has waited may still be handed out.
    """

    def __init__(
        self,
        opener: Callable[[], AbstractAsyncContextManager[T]],
        *,
        is_good: Callable[[T], bool],
        size: int | None = None,
    ) -> None:
        """`size`: how many are open, or being opened, ahead; by default as many as processors."""
        self._opener = opener
        self._is_good = is_good
        self._size = (os.cpu_count() or 1) if size is None else size
        self._ahead: deque[Supervised[T]] = deque()
        self._wanted = 0

    def expect(self, count: int) -> None:
        """Say how many more will be taken; only so many are opened ahead."""
        self._wanted = count
        self._refill()

    @property
    def ahead(self) -> int:
        """How many are open, or being opened, that nobody has taken."""
        return len(self._ahead)

    async def peek(self) -> T:
        """The one that will be taken next, once it is open. Raises what opening it raised."""
        if not self._ahead:
            self._ahead.append(Supervised(self._opener))
        return await self._ahead[0].opened()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[T]:
        """One for the caller alone. Raises (on entering) what opening it raised."""
        self._wanted = max(0, self._wanted - 1)
        held = self._ahead.popleft() if self._ahead else Supervised(self._opener)
        self._refill()
        try:
            value = await held.opened()
            if not self._is_good(value):
                await held.close()
                held = Supervised(self._opener)
                value = await held.opened()
            yield value
        finally:
            with anyio.CancelScope(shield=True):
                await held.close()

    def _refill(self) -> None:
        while len(self._ahead) < min(self._size, self._wanted):
            self._ahead.append(Supervised(self._opener))

    async def aclose(self) -> None:
        """Close what nobody has taken."""
        self._wanted = 0
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as group:
                while self._ahead:
                    group.start_soon(self._ahead.popleft().close)

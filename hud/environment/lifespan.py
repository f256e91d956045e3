"""An author's `lifespan`: what is entered before an environment's hooks run and left after them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from hud.errors import InitializeFailure, describe

logger = logging.getLogger(__name__)

MakeLifespan = Callable[[], AbstractAsyncContextManager[Any]]


class Lifespan:
    """A context manager in a task of its own: task groups inside it demand that the task which
    enters also leaves, and the first and the last user of an environment may be different ones.
    """

    def __init__(self, make: MakeLifespan) -> None:
        self.make = make
        self.context: Any = {}
        """What it yielded; an empty dict where that was None."""
        self._leaving = asyncio.Event()
        self._entered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._own())

    async def enter(self) -> None:
        """Enter, and know what it yields.

        Raises:
            InitializeFailure: it raised before it yielded.
        """
        try:
            self.context = await self._entered
        except Exception as exc:
            reason = f"the environment's lifespan failed: {describe(exc)}"
            raise InitializeFailure(reason) from exc
        except asyncio.CancelledError:
            self._task.cancel()
            raise

    async def leave(self) -> None:
        """Leave; what goes wrong then is logged."""
        self._leaving.set()
        await asyncio.wait([self._task])
        raised = None if self._task.cancelled() else self._task.exception()
        if raised is not None:
            logger.warning("the environment's lifespan raised %s", describe(raised))

    async def _own(self) -> None:
        try:
            async with self.make() as given:
                self._entered.set_result({} if given is None else given)
                await self._leaving.wait()
        except Exception as exc:
            if self._entered.done():
                raise
            self._entered.set_exception(exc)

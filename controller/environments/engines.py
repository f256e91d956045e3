"""The container engine as the controller uses it: asked for afresh by whoever needs it, so that one
that comes or goes while the controller runs is noticed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controller.settings import ControllerSettings
from hud.containers import Containers, Engine
from hud.containers.dwelling import Dwelling, declared
from hud.errors import DockerFailure
from hud.wire.platform import EngineHealth

FRESH_SECONDS = 5.0
"""How long an answer about the engine's health holds."""


class Engines:
    """Opens the engine, and says whether there is one."""

    def __init__(self, settings: ControllerSettings) -> None:
        """`settings` may say what the host calls the workspace."""
        self._dwelling = _dwelling(settings)
        self._health: EngineHealth | None = None
        self._asked = 0.0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Containers]:
        """The engine; what is made through it is gone afterwards.

        Raises:
            EngineUnavailable: none answers.
        """
        async with self.make() as engine:
            yield engine

    def make(self) -> Containers:
        """The engine, not asked yet."""
        return Engine(dwelling=self._dwelling)

    async def health(self) -> EngineHealth:
        """Whether an engine answers, as of a few seconds ago."""
        if self._health is None or time.monotonic() - self._asked > FRESH_SECONDS:
            self._health = await self._ask()
            self._asked = time.monotonic()
        return self._health

    async def _ask(self) -> EngineHealth:
        try:
            async with self.open() as engine:
                info = await engine.info()
                return EngineHealth(available=True, version=info.version, runc=info.runc or None)
        except DockerFailure as exc:
            return EngineHealth(available=False, reason=exc.message)


def _dwelling(settings: ControllerSettings) -> Dwelling | None:
    """What the settings say of the container that the controller is in, if it is in one."""
    if settings.host_workspace is not None:
        return declared(settings.workspace, settings.host_workspace)
    return Dwelling({}) if settings.in_container else None

"""The container engine as the controller uses it: asked for afresh by whoever needs it, so that one
that comes or goes while the controller runs is noticed.
"""

from __future__ import annotations

import hashlib
import os
import secrets as tokens
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from controller.settings import ControllerSettings
from hud.containers import Containers, Engine
from hud.containers.custody import KEPT_FOR
from hud.containers.dwelling import Dwelling, declared
from hud.dev.containers.keeping import Keeping
from hud.errors import DockerFailure
from hud.wire.platform import EngineHealth

FRESH_SECONDS = 5.0
"""How long an answer about the engine's health holds."""


class Engines:
    """Opens the engine, and says whether there is one."""

    def __init__(self, settings: ControllerSettings) -> None:
        """`settings` may say what the host calls the workspace."""
        self._dwelling = _dwelling(settings)
        self._data = settings.data_dir
        self._installation: str | None = None
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

    @property
    def installation(self) -> str:
        """What tells the containers of this data folder's controllers from those of others."""
        if self._installation is None:
            self._installation = _installation(self._data / "installation")
        return self._installation

    def keeping(self, environment: str) -> Keeping:
        """How the next controller finds an environment's container if this one is killed."""
        name = f"{hashlib.sha256(environment.encode()).hexdigest()[:16]}.json"
        return Keeping(self.installation, environment, self._data / "containers" / name)

    async def forget_all_but(self, environments: Collection[str]) -> None:
        """Remove the containers that a controller before this one left for other environments."""
        with suppress(DockerFailure):
            async with self.open() as engine:
                for item in await engine.kept(self.installation):
                    if item.labels.get(KEPT_FOR) not in environments:
                        await engine.remove(item)

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


def _installation(file: Path) -> str:
    """The name that a data folder's installation was given when it was first used."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".installation.{os.getpid()}")
        draft.write_text(tokens.token_hex(6))
        draft.replace(file)
    return file.read_text().strip()


def _dwelling(settings: ControllerSettings) -> Dwelling | None:
    """What the settings say of the container that the controller is in, if it is in one."""
    if settings.host_workspace is not None:
        return declared(settings.workspace, settings.host_workspace)
    return Dwelling({}) if settings.in_container else None

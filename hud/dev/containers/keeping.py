"""What a dev session writes down of its container, so that the next one can take it over.

1. A container fits if everything that it was made with is the same now; that is in its label.
2. The version in it goes on if the files that the container sees are as they were when it was
   loaded; else it is reloaded inside.
3. Clients' sessions go on in the container because the gateway keeps them under the version's
   identity.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from hud.containers import Containers, ContainerSpec, Resource
from hud.containers.custody import FIT, KEPT_FOR
from hud.dev.containers.mounts import STAGE
from hud.dev.gateway.sessions import write_private


class KeptVersion(BaseModel):
    """A version that was loaded in a container."""

    number: int
    port: int
    name: str
    files: str
    """Digest of the files that it was loaded from."""


class KeptContainer(BaseModel):
    """What is to be known of a container to go on with it."""

    container: str
    """The engine's id of it."""
    is_obedient: bool
    """Whether versions are started and ended inside of it."""
    stage: str
    """Where the copies of mounted files are, relative to the environment's folder."""
    inodes: dict[str, int]
    """Of the mounted folders, by their path."""
    last: int = 0
    """The number of the version that was begun last."""
    begun: list[int] = []
    """Versions that were begun and have not ended."""
    version: KeptVersion | None = None
    """The one that was loaded last."""


@dataclass
class Keeping:
    """Who keeps the containers of an environment, and where it writes down which one there is."""

    keeper: str
    """The installation."""
    subject: str
    """What it uses them for."""
    file: Path
    current: str = ""
    """The container that is written down, by its id."""

    def stage(self) -> str:
        """A new place for copies of mounted files, relative to the environment's folder."""
        return f"{STAGE}/kept-{self.keeper}-{secrets.token_hex(4)}"

    def clear(self, folder: Path) -> None:
        """Remove the copies that no container has mounted any more, while there is none."""
        for stage in (folder / STAGE).glob(f"kept-{self.keeper}-*"):
            shutil.rmtree(stage, ignore_errors=True)

    def labels(self, fit: str) -> dict[str, str]:
        """The labels of a container that may be taken over."""
        return {KEPT_FOR: self.subject, FIT: fit}

    def read(self) -> KeptContainer | None:
        """What was written down; None if there is nothing."""
        with contextlib.suppress(OSError, ValidationError):
            return KeptContainer.model_validate_json(self.file.read_bytes())
        return None

    def write(self, known: KeptContainer) -> None:
        """Write down which container there is, instead of any other."""
        self.current = known.container
        write_private(self.file, known.model_dump())

    def forget(self, container: str) -> None:
        """There is no such container any more."""
        if self.current == container:
            self.current = ""
            self.file.unlink(missing_ok=True)

    async def waiting(self, engine: Containers, fit: str) -> Resource | None:
        """The container that fits and was written down; all others are removed."""
        known = self.read()
        found = None
        for item in await engine.kept(self.keeper):
            if item.labels.get(KEPT_FOR) != self.subject:
                continue
            is_it = known is not None and item.id == known.container
            if is_it and item.labels.get(FIT) == fit and item.status == "running":
                found = item
            else:
                await engine.remove(item)
        return found


class Book:
    """What becomes of one container and the versions in it, written down as it happens."""

    def __init__(self, keeping: Keeping | None, known: KeptContainer) -> None:
        """Without a `keeping` nothing is written."""
        self.known = known
        self._keeping = keeping
        if keeping is not None:
            keeping.write(known)

    def begin(self, number: int) -> None:
        """A version is about to be loaded."""
        self.known.last = number
        self.known.begun.append(number)
        self._write()

    def loaded(self, version: KeptVersion) -> None:
        """A version serves."""
        self.known.version = version
        self._write()

    def end(self, number: int) -> None:
        """A version has ended."""
        if number in self.known.begun:
            self.known.begun.remove(number)
            self._write()

    def close(self) -> None:
        """There is no such container any more."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.forget(self.known.container)

    def _write(self) -> None:
        keeping = self._keeping
        if keeping is not None and keeping.current in ("", self.known.container):
            keeping.write(self.known)


def fit_of(spec: ContainerSpec, *others: Any) -> str:
    """Digest of everything that a container is made with. `spec` is the request for it but for what
    follows from `others`, which are plain data.
    """
    sandbox = spec.sandbox.model_dump(mode="json")
    return _digest([spec.image, sorted(spec.env.items()), sandbox, spec.stop_seconds, *others])


def _digest(value: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

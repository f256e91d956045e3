"""`hud.lock.yaml`: what an image that was built holds, as far as it could be seen from outside.

It says nothing of when or how often an image was built, so that it changes only if the image does.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hud.errors import UserError

LOCK_FILE = "hud.lock.yaml"


class LockedImage(BaseModel):
    """The image that was looked at."""

    model_config = ConfigDict(extra="ignore")

    name: str
    digest: str
    """The engine's id of it, `sha256:…`."""
    platform: str | None = None


class Variables(BaseModel):
    """Variables that containers of the image need."""

    model_config = ConfigDict(extra="ignore")

    required: list[str] = Field(default_factory=list)
    """Those that the image leaves empty, that a scenario asks for, or that were given to the
    build's trial run.
    """


class Lock(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="ignore")

    version: Literal[2] = 2
    """Of this format."""
    image: LockedImage
    source: str
    """Digest of everything that the image was built from."""
    start_seconds: float
    """From the container's start to the server's first answer."""
    variables: Variables = Field(default_factory=Variables)
    tools: list[dict[str, Any]] = Field(default_factory=list)
    """As MCP lists them: name, description, inputSchema, …"""
    scenarios: list[dict[str, Any]] = Field(default_factory=list)
    """Name, description and arguments."""


def read_lock(folder: Path) -> Lock | None:
    """The lock in a folder; None if there is none, or another program wrote it."""
    try:
        return Lock.model_validate(yaml.safe_load((folder / LOCK_FILE).read_text("utf-8")))
    except (OSError, ValueError, ValidationError, yaml.YAMLError):
        return None


def write_lock(folder: Path, lock: Lock) -> Path:
    """Write the lock in whole, or not at all; returns its path.

    Raises:
        UserError: the folder cannot be written.
    """
    path = folder / LOCK_FILE
    text = yaml.safe_dump(
        lock.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True
    )
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=folder, prefix=f".{LOCK_FILE}.", delete=False
        ) as half:
            half.write(text)
        try:
            Path(half.name).chmod(0o644)
            Path(half.name).replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(half.name).unlink()
            raise
    except OSError as error:
        raise UserError(f"cannot write `{path}`: {error.strerror or error}") from error
    return path

"""What the dev session starts, again and again: versions of an environment, each an upstream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hud.dev.gateway import Upstream
from hud.dev.watcher import Step

KEPT_LINES = 40

LineSink = Callable[[str], None]
"""Takes a line of what programs print, for the terminal."""


@dataclass(frozen=True)
class Instance:
    """A version that is loaded, and serves until its upstream is closed."""

    upstream: Upstream
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it ended by itself, or was closed."""
    obituary: Callable[[], str] = lambda: "the environment's process ended"
    """How it ended, once it has."""
    took: Step | None = None
    """The step that starting it took, if that was not the one that was asked for."""
    last_words: Callable[[], str] = lambda: ""
    """The last lines that it printed, as far as they are known; they were shown as they came."""
    identity: str | None = None
    """What tells it from others, if a session after this one may find it again."""


class RecentLines:
    """Passes lines on, and remembers the last ones."""

    def __init__(self, log: LineSink) -> None:
        self._log = log
        self._kept: deque[str] = deque(maxlen=KEPT_LINES)

    def __call__(self, line: str) -> None:
        """Take a line."""
        self._kept.append(line)
        self._log(line)

    def text(self) -> str:
        """The lines that are remembered."""
        return "\n".join(self._kept)


class Backend(Protocol):
    """Starts versions. Each ends when its upstream is closed."""

    highest: Step
    """The highest step that it tells from the ones below."""

    async def start(self, step: Step) -> Instance:
        """Start a version with the code as it is now; `step` says how much to start afresh.

        Raises:
            HudError: it could not be loaded; `detail` holds the author's traceback.
        """
        ...

    async def aclose(self) -> None:
        """End everything that is left."""
        ...

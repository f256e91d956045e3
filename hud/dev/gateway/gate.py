"""The gate that every call passes: open to what is in service, or a bounded wait with its cause."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Literal

import anyio

from hud.dev.gateway.generation import Generation
from hud.dev.gateway.options import Limits

NOTE_SECONDS = 5.0
"""How often a waiting call is told what it waits for."""

Block = Literal["hold", "unreachable", "closing"]


class Refused(Exception):
    """A call that is not carried out; nothing of it has reached the environment."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Wait:
    """How long a call may still wait, counted from its arrival, and whom to tell meanwhile."""

    def __init__(
        self, limits: Limits, note: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        self._deadline = time.monotonic() + limits.hold_seconds
        self.note = note

    def remaining(self) -> float:
        """Seconds left."""
        return self._deadline - time.monotonic()


class Gate:
    """Lets calls through to one generation; while there is none they wait, or are refused."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._blocks: dict[Block, str] = {}
        self._changed = anyio.Event()
        self.generation: Generation | None = None
        self.failure: str | None = None
        """Why there is nothing to wait for; only while there is no generation."""
        self.held = 0
        """How many calls wait."""

    @property
    def cause(self) -> str | None:
        """What calls wait for; None when they pass."""
        if self._blocks:
            return next(iter(self._blocks.values()))
        return None if self.generation else "the environment is starting"

    def passes(self) -> Generation | None:
        """The generation in service, if a call can go to it now."""
        return None if self._blocks else self.generation

    async def admit(self, wait: Wait) -> Generation:
        """The generation to send to, as soon as there is one.

        Raises:
            Refused: the wait was too long, too many wait already, or there is nothing to wait for.
        """
        if (generation := self.passes()) is not None:
            return generation
        if self.held >= self._limits.max_held:
            raise Refused(429, f"{self.held} calls wait already: {self.cause}")
        self.held += 1
        try:
            return await self._queue(wait)
        finally:
            self.held -= 1

    async def _queue(self, wait: Wait) -> Generation:
        while (generation := self.passes()) is None:
            if self.failure is not None and self.generation is None:
                raise Refused(503, self.failure)
            if "closing" in self._blocks:
                raise Refused(503, self._blocks["closing"])
            remaining = wait.remaining()
            if remaining <= 0:
                limit = f"waited {self._limits.hold_seconds:g} s"
                raise Refused(503, f"the environment is not available ({limit}): {self.cause}")
            with anyio.move_on_after(min(remaining, NOTE_SECONDS)) as timer:
                await self._changed.wait()
            if timer.cancelled_caught and wait.note is not None and self.cause is not None:
                await wait.note(self.cause)
        return generation

    def open(self, generation: Generation) -> None:
        """Put a generation into service; whatever was waited for is there."""
        self.generation = generation
        self.failure = None
        self._blocks.pop("hold", None)
        self._blocks.pop("unreachable", None)
        self._wake()

    def block(self, kind: Block, cause: str) -> None:
        """Make calls wait because of `cause`."""
        self._blocks[kind] = cause
        self._wake()

    def unblock(self, kind: Block) -> None:
        """Take that reason to wait away."""
        if self._blocks.pop(kind, None) is not None:
            self._wake()

    def fail(self, reason: str) -> None:
        """Say that there is nothing to wait for, unless a generation is still in service."""
        self.failure = reason
        self._blocks.pop("hold", None)
        self._wake()

    def drop(self, cause: str) -> Generation | None:
        """Take the generation out of service; calls wait for the next one."""
        generation, self.generation = self.generation, None
        self._blocks.pop("unreachable", None)
        self.failure = None
        self.block("hold", cause)
        return generation

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

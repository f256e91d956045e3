"""A phase: what it is called, what it checks, how long that may take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hud.debug.evidence import Kind
from hud.debug.examination import Examination, Passed

Check = Callable[[Examination], Awaitable[Passed]]


@dataclass(frozen=True)
class Phase:
    """One of the ordered phases."""

    number: int
    title: str
    failed: str
    """Its title where it failed."""
    seconds: float
    """Its time limit."""
    check: Check
    silence: Kind = Kind.HANGS
    """What it means if nothing comes back within the time limit."""

"""What the watchdog process does: wait until its owner ends, and remove what that left behind.

It notices the end by the process itself, because a pipe stays open in children that the owner
forked.
"""

from __future__ import annotations

import os
import select

import anyio

from hud.containers.contract import Resource
from hud.containers.custody import KEPT_SECONDS
from hud.containers.engine import Engine
from hud.containers.labels import Owner
from hud.containers.watchdog import DONE
from hud.errors import DockerFailure

_POLL_SECONDS = 0.5
_QUIET_ROUNDS = 3
"""The engine may still be making what the owner asked for with its last breath."""
_ROUND_SECONDS = 1.0
_SLOW_ROUND_SECONDS = 10.0
"""Between two looks while all that is left waits for its keeper."""
_LIFE_SECONDS = 120.0
"""Seconds after the owner's end within which it gives up, if the engine does not answer."""


def watch(owner: str, host: str) -> None:
    """Wait until the owner, as its label names it, has ended; then remove what it left at the
    engine at `host`, or at the one that the environment names if that is empty.
    """
    found = Owner.parse(owner)
    if found is not None and not _is_dismissed(found):
        anyio.run(_clear, found, host)


def _is_dismissed(owner: Owner) -> bool:
    """Wait until the owner says that it needs no watchdog any more, or ends."""
    waiting = [0, *_process_handle(owner)]
    seconds = None if len(waiting) > 1 else _POLL_SECONDS
    while owner.lives:
        ready, _, _ = select.select(waiting, [], [], seconds)
        if 0 in ready:
            if os.read(0, 1) == DONE:
                return True
            waiting.remove(0)
        elif seconds is None:
            break
    return False


def _process_handle(owner: Owner) -> list[int]:
    """A descriptor that becomes readable when the owner ends, where the system has such."""
    try:
        return [os.pidfd_open(owner.pid)]
    except (AttributeError, OSError):
        return []


async def _clear(owner: Owner, host: str) -> None:
    quiet = 0
    latest = anyio.current_time() + KEPT_SECONDS + _LIFE_SECONDS
    with anyio.move_on_after(_LIFE_SECONDS) as life:
        while quiet < _QUIET_ROUNDS:
            pause = _ROUND_SECONDS
            try:
                async with Engine(host or None) as engine:
                    left = [item for item in await engine.resources() if _is_left(item, owner)]
            except DockerFailure:
                left = None
            quiet = quiet + 1 if left == [] else 0
            if left and all(item.keeper for item in left):
                life.deadline = latest
                pause = _SLOW_ROUND_SECONDS
            await anyio.sleep(pause)


def _is_left(item: Resource, owner: Owner) -> bool:
    """Whether the owner has left it. A volume goes with its container, which may be kept."""
    return item.owner == owner and not (item.kind == "volume" and item.keeper)

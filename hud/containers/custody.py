"""Containers that outlive their owner for a while, so that another process can take them over.

1. Such a container names its keeper: an installation, of which one process at a time is the owner.
2. A container's labels cannot be changed, but its name can: who took it over is in its name, and
   since when nobody has it.
3. What nobody took over in time is removed like everything else that a dead owner left. Whoever
   finds it first only notes the time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from hud.containers.labels import Owner

KEEPER = "hud.keeper"
"""Label: the installation whose next process may take it over."""
KEPT_FOR = "hud.kept-for"
"""Label: what the keeper uses it for."""
FIT = "hud.fit"
"""Label: digest of everything that it was made with; only what fits is taken over."""
KEPT_SECONDS = 180.0
"""How long it waits for its keeper, from when its owner was first found dead."""

_OWNED = re.compile(r"(?P<name>.+)__of_(?P<owner>[A-Za-z0-9.-]+(?:_[A-Za-z0-9.-]+){4})")
_LEFT = re.compile(r"(?P<name>.+)__left_(?P<at>\d+)")


class Kept(Protocol):
    """What tells whether a thing of a dead owner is kept."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, str]: ...

    @property
    def status(self) -> str: ...


def waits(item: Kept, now: float) -> bool:
    """Whether a thing whose owner has died still waits for its keeper at that Unix time."""
    if not item.labels.get(KEEPER) or item.status != "running":
        return False
    since = left_at(item.name)
    return since is None or now - since < KEPT_SECONDS


def name_of(name: str, owner: Owner) -> str | None:
    """The name under which a container belongs to an owner that did not make it; None if the
    owner cannot be written in a name.
    """
    found = f"{_plain(name)}__of_{str(owner).replace(':', '_')}"
    return found if owner_in(found) == owner else None


def owner_in(name: str) -> Owner | None:
    """The owner that a container's name tells of, if it tells of one."""
    found = _OWNED.fullmatch(_without_time(name))
    return Owner.parse(":".join(found["owner"].rsplit("_", 4))) if found else None


def name_since(name: str, moment: float) -> str:
    """The name of a container that nobody has since that Unix time, in seconds."""
    return f"{_without_time(name)}__left_{int(moment)}"


def left_at(name: str) -> int | None:
    """Since when nobody has it, as Unix time in seconds; None if that was not noted."""
    found = _LEFT.fullmatch(name)
    return int(found["at"]) if found else None


def _without_time(name: str) -> str:
    found = _LEFT.fullmatch(name)
    return found["name"] if found else name


def _plain(name: str) -> str:
    name = _without_time(name)
    found = _OWNED.fullmatch(name)
    return found["name"] if found else name

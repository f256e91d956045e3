"""Who owns a container: the labels on everything that we make, and whether an owner still lives.

An owner is a process. It is named by host, process namespace, process id and start time, so that a
number that the system gave to another process later is not mistaken for it.
"""

from __future__ import annotations

import functools
import os
import re
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

OWNER = "hud.owner"
"""Label: the process that made it, as `str(Owner)`, or `SHARED`."""
RUN = "hud.run"
"""Label: the job or session it belongs to."""
GENERATION = "hud.generation"
"""Label: how many times it was replaced before, as a number."""
REQUEST = "hud.request"
"""Label: digest of what was asked for, by which a repeated request is recognised."""
SOURCE = "hud.source"
"""Label of an image: digest of what it was built from."""
_CONTAINER_HOST = re.compile(r"[0-9a-f]{12}")

SHARED = "shared"
"""Owner of what several processes use: removed when nobody does."""


@dataclass(frozen=True)
class Owner:
    """A process that owns containers."""

    host: str
    namespace: str
    """The process-id namespace, for processes that run in containers themselves."""
    pid: int
    started: str
    """When the process started, in the system's own words; only compared."""
    since: int
    """Unix time, in seconds, at which the process was alive and began to own things."""

    def __str__(self) -> str:
        return f"{self.host}:{self.namespace}:{self.pid}:{self.started}:{self.since}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """The owner that a label names, or None if it names none."""
        parts = text.rsplit(":", 4)
        if len(parts) != 5 or not (parts[2].isdigit() and parts[4].isdigit()):
            return None
        return cls(parts[0], parts[1], int(parts[2]), parts[3], int(parts[4]))

    @property
    def is_local(self) -> bool:
        """Whether this process can see whether the owner lives."""
        return (self.host, self.namespace) == (socket.gethostname(), _namespace())

    @property
    def lives(self) -> bool:
        """Whether the process runs; only meaningful where `is_local`."""
        return _start_of(self.pid) == self.started


def this_process() -> Owner:
    """The owner of what the calling process makes."""
    return _owner(os.getpid())


@functools.cache
def _owner(pid: int) -> Owner:
    started = _start_of(pid) or "unknown"
    return Owner(socket.gethostname(), _namespace(), pid, started, int(time.time()))


@functools.cache
def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "0"


def _start_of(pid: int) -> str | None:
    """When the process started, or None if there is none or only its exit status is left."""
    if not Path("/proc/self/stat").exists():
        return _start_by_ps(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _start_by_ps(pid: int) -> str | None:
    done = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = done.stdout.strip().partition(" ")
    return (
        None if not state or state.startswith("Z") else "-".join(started.split()).replace(":", ".")
    )


@dataclass(frozen=True)
class Abode:
    """What the engine says of the container that an owner ran in."""

    is_running: bool
    started: float
    """Unix time in seconds of its last start."""


FindAbode = Callable[[str], Awaitable[Abode | None]]


async def is_dead(owner: Owner, find: FindAbode) -> bool:
    """Whether the owner is known to have died. Of another machine's processes nothing is known:
    they live.

    An owner in a container has that container's id as its host name, and died when that stopped or
    started anew.
    """
    if owner.is_local:
        return not owner.lives
    abode = await find(owner.host)
    if abode is None:
        return bool(_CONTAINER_HOST.fullmatch(owner.host))
    return not abode.is_running or abode.started > owner.since

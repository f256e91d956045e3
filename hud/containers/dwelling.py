"""The container that this process itself lives in, if it does so at the engine that it speaks to.

1. The engine mounts paths of its host, so that paths in here have to be told by the host's names.
2. Networks of other containers lead nowhere from in here: their ports are reached through `tunnel`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from hud.containers.door import Door
from hud.containers.failures import NotFound
from hud.errors import UserError

MOUNTS = Path("/proc/self/mountinfo")
_OWN_FILES = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
"""Files that engines put into containers, out of a folder that has the container's id."""
TELL = "say in HUD_HOST_WORKSPACE what the engine's host calls the workspace"
_ID = re.compile(r"/([0-9a-f]{64})/")


@dataclass(frozen=True)
class Dwelling:
    """A container, by what is mounted into it."""

    mounts: Mapping[str, str]
    """The host's path of each path in here."""

    def host_path(self, path: str) -> str:
        """What the engine's host calls a path. Links are followed in here, where they are known.

        Raises:
            UserError: nothing of the host is mounted there.
        """
        resolved = PurePosixPath(os.path.realpath(path))
        for inside in sorted(self.mounts, key=len, reverse=True):
            root = os.path.realpath(inside)
            if resolved.is_relative_to(root):
                outside = PurePosixPath(self.mounts[inside])
                return str(outside / resolved.relative_to(root))
        raise UserError(
            f"`{path}` cannot be mounted: this program runs in a container, and the engine's host"
            " knows nothing of that path",
            hint=f"put it below one of {', '.join(sorted(self.mounts))}" if self.mounts else TELL,
        )


async def find_dwelling(door: Door) -> Dwelling | None:
    """The container that this process lives in; None if it is none of the engine's."""
    identity = own_id(_mountinfo())
    if identity is None:
        return None
    what = "cannot look at the container that this program runs in"
    try:
        details: dict[str, Any] = await door.ask(what, door.client.inspect_container, identity)
    except NotFound:
        return None
    mounts = {item["Destination"]: item.get("Source") for item in details["Mounts"]}
    return Dwelling({inside: outside for inside, outside in mounts.items() if outside})


def declared(inside: PurePath, outside: PurePath) -> Dwelling:
    """A container of which it is said what one folder in it is called outside.

    Raises:
        UserError: that is no absolute path.
    """
    if not outside.is_absolute():
        raise UserError(
            f"the host's path of `{inside}` is said to be `{outside}`, which is not absolute"
        )
    return Dwelling({str(inside): str(outside)})


def joined(found: Dwelling | None, told: Dwelling | None) -> Dwelling | None:
    """A container as it was found and as it is said to be; what is said holds where both differ."""
    if found is None or told is None:
        return found or told
    return Dwelling({**found.mounts, **told.mounts})


def own_id(mountinfo: str) -> str | None:
    """The id of this process's container, by the text of `/proc/self/mountinfo`."""
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) > 4 and fields[4] in _OWN_FILES and (found := _ID.search(fields[3])):
            return found[1]
    return None


def _mountinfo() -> str:
    try:
        return MOUNTS.read_text("utf-8", errors="surrogateescape")
    except OSError:
        return ""

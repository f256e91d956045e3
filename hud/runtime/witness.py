"""A connection to a container whose failures say what happened to the container.

1. A container that died, was paused or ran out of memory ends every request with that cause.
2. An error that speaks of a full disk is believed, another result if a disk is found to be full.
3. A grade counts only if the container was intact when it was given.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import mcp_types
from pydantic import BaseModel

from hud.containers import Container
from hud.containers.spec import size_in_words
from hud.environment.session import Connection
from hud.errors import ConnectionFailure, DockerFailure, EnvironmentFailure, HudError
from hud.runtime.ward import Life
from hud.types import MCPToolResult

T = TypeVar("T")

DISK_IS_FULL = ("No space left on device", "ENOSPC", "Errno 28")
"""What programs say when a disk is full."""
LISTING = ("df", "-P", "-k")
LISTING_SECONDS = 5.0
ENDING_SECONDS = 2.0
"""How long a container whose server went away may take to end."""
ALMOST_NOTHING = 16
"""KiB that a full disk may have left: less than the smallest file system reserves for itself."""


class WitnessedConnection:
    """Keeps the contract `Connection`."""

    def __init__(self, connection: Connection, life: Life) -> None:
        self._connection = connection
        self._life = life

    async def list_tools(self) -> list[mcp_types.Tool]:
        return await self._witness(self._connection.list_tools())

    async def list_prompts(self) -> list[mcp_types.Prompt]:
        return await self._witness(self._connection.list_prompts())

    async def list_resources(self) -> list[mcp_types.Resource]:
        return await self._witness(self._connection.list_resources())

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> MCPToolResult:
        result = await self._witness(self._connection.call_tool(name, arguments))
        await self._doubt(result, is_certain=bool(result.is_error))
        return result

    async def get_prompt(
        self, name: str, arguments: Mapping[str, Any]
    ) -> mcp_types.GetPromptResult:
        return await self._witness(self._connection.get_prompt(name, arguments))

    async def read_resource(self, uri: str) -> mcp_types.ReadResourceResult:
        result = await self._witness(self._connection.read_resource(uri))
        await self._doubt(result, is_certain=False)
        state = await self._life.container.state()
        if state.oom_killed or not self._life.is_intact:
            raise await self._life.obituary()
        return result

    async def _witness(self, request: Coroutine[Any, Any, T]) -> T:
        try:
            return await self._life.during(request)
        except (ConnectionFailure, EnvironmentFailure) as failure:
            explained = await self._explained(failure)
            if explained is failure:
                raise
            raise explained from failure

    async def _explained(self, failure: HudError) -> HudError:
        """The failure, or what happened to the container if that is its reason."""
        if speaks_of_a_full_disk(failure.message):
            await self._look_at_disks(is_certain=False)
        seconds = ENDING_SECONDS if isinstance(failure, ConnectionFailure) else 0.0
        is_intact = await self._life.stays_intact(seconds)
        return failure if is_intact else await self._life.obituary()

    async def _doubt(self, result: BaseModel, *, is_certain: bool) -> None:
        """Refuse a result that comes of a full disk.

        Raises:
            EnvironmentFailure: it does; names the disk, if it is still full.
        """
        if speaks_of_a_full_disk(result.model_dump_json()):
            await self._look_at_disks(is_certain=is_certain)
            if not self._life.is_intact:
                raise await self._life.obituary()

    async def _look_at_disks(self, *, is_certain: bool) -> None:
        """End the container's life if a disk of it is full, or certainly was: nothing in it works
        as it should.
        """
        found = await _full_disk_of(self._life.container)
        if found is None and not is_certain:
            return
        told = f": `{found[0]}` has {size_in_words(found[1])}" if found else ""
        failure = EnvironmentFailure(
            f"a disk of the container {'is' if found else 'was'} full{told}",
            hint="raise `tmp`, or declare `tmpfs` or `volumes`, in [tool.hud]",
        )
        self._life.strike(failure)


def speaks_of_a_full_disk(text: str) -> bool:
    """Whether a program complains in the text that it could not write."""
    return any(words in text for words in DISK_IS_FULL)


async def _full_disk_of(container: Container) -> tuple[str, int] | None:
    try:
        listed = await container.execute(LISTING, seconds=LISTING_SECONDS)
    except DockerFailure:
        return None
    return full_disk(listed.stdout.decode(errors="replace"))


def full_disk(listing: str) -> tuple[str, int] | None:
    """The first full disk that `df -P -k` lists: where it is mounted, and its bytes."""
    for line in listing.splitlines()[1:]:
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[1].isdigit() and fields[3].isdigit():
            size, left = int(fields[1]), int(fields[3])
            if size > ALMOST_NOTHING >= left:
                return fields[5], size * 1024
    return None

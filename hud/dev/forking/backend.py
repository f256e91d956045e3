"""Versions of an environment of this machine, as the dev session starts them."""

from __future__ import annotations

import asyncio
import socket

from hud.dev.backend import Instance
from hud.dev.forking.versions import Versions
from hud.dev.gateway import HttpUpstream, Interrupted, StdioUpstream, StreamPipe
from hud.dev.gateway.upstreams.pipes import LONGEST_LINE
from hud.dev.watcher import Step
from hud.errors import HudError


class ForkedBackend:
    """Starts versions, each behind a unix socket of its own."""

    highest = Step.RESTART

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    async def start(self, step: Step) -> Instance:
        version = await self._versions.start(afresh=step > Step.RELOAD)

        async def end() -> None:
            await self._versions.end(version)

        upstream = HttpUpstream("http://localhost/mcp", socket_path=version.path, on_close=end)
        upstream.name = f"environment `{version.name}`"
        return Instance(upstream, version.ended, version.obituary)

    async def aclose(self) -> None:
        await self._versions.aclose()


def upstream_of_own_versions(name: str, versions: Versions) -> StdioUpstream:
    """A server that gives each client a version of its own, which ends with the client."""

    async def open_pipe() -> StreamPipe:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                version = await versions.start(afresh=False, client=theirs)
            reader, writer = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
        except BaseException as exc:
            ours.close()
            if isinstance(exc, HudError):
                raise Interrupted("initialize", exc.message) from exc
            raise
        return StreamPipe(reader, writer, lambda: versions.end(version))

    return StdioUpstream(name, open_pipe)

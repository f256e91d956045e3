"""Versions of an environment of this machine, as the dev session starts them."""

from __future__ import annotations

from hud.dev.backend import Instance
from hud.dev.forking.versions import Versions
from hud.dev.gateway import HttpUpstream
from hud.dev.watcher import Step


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

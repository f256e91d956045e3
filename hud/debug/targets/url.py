"""A server that somebody else runs, at a URL: it can be connected to, not started or stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from hud.debug.evidence import Evidence
from hud.debug.targets.target import Ending, Grace, Noise, TargetKind


class UrlTarget:
    """The server at a URL."""

    kind: TargetKind = "url"
    found = "Server has a URL"
    not_found = "Server has no URL"

    def __init__(self, url: str) -> None:
        self.name = url

    async def check(self) -> tuple[str, ...]:
        return ()

    @asynccontextmanager
    async def start(self) -> AsyncIterator[UrlServer]:
        yield UrlServer(self.name)

    async def leftovers(self) -> list[str]:
        return []


class UrlServer:
    """A server over which nobody here has power."""

    is_shared = True

    def __init__(self, url: str) -> None:
        self.noise = Noise()
        self._url = url

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[TransportStreams]:
        async with streamable_http_client(self._url, max_sse_event_size=None) as streams:
            yield streams

    async def is_running(self) -> bool:
        return True

    async def evidence(self) -> Evidence:
        return Evidence()

    async def stop(self, grace: Grace) -> Ending:
        return Ending(0.0, None, "signal")

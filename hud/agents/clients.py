"""The HTTP connections of an event loop, and one client per provider, address and key on them.

A TLS context and a provider's client cost more than a rollout, so they are made once and closed
with their loop.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import urllib.request
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable
from contextlib import ExitStack
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import httpx2

from hud.agents.asking import asker

ClientT = TypeVar("ClientT")

IDLE_SECONDS = 60.0
"""How long an unused connection is kept."""
CONNECT_SECONDS = 30.0
"""How long making a connection may take; how long an answer may take is up to the caller."""


class ClientPool:
    """The clients of one event loop."""

    def __init__(self) -> None:
        # A proxy for everything would be replaced by the mount; a narrower one goes before it.
        mounts = {} if "all" in urllib.request.getproxies() else {"all://": ConnectionStack()}
        self.http = httpx2.AsyncClient(
            mounts=mounts,
            verify=_tls(),
            follow_redirects=True,
            event_hooks={"request": [_tell_asker]},
        )
        self.clients: dict[Hashable, Any] = {}
        self.guard = self._until_the_loop_ends()
        """Started in the loop; ends with it and closes the connections."""

    async def _until_the_loop_ends(self) -> AsyncGenerator[None]:
        # An event loop closes the asynchronous generators that were started in it before it ends:
        # the one moment at which connections can still be closed in order, whoever started the
        # loop.
        try:
            yield
        finally:
            _pools.pop(asyncio.get_running_loop(), None)
            await self.http.aclose()


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, ClientPool] = WeakKeyDictionary()


async def shared_client(key: Hashable, make: Callable[[httpx2.AsyncClient], ClientT]) -> ClientT:
    """The event loop's client for that key, made from the shared connections the first time."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = ClientPool()
        await anext(pool.guard)
    if key not in pool.clients:
        pool.clients[key] = make(pool.http)
    client: ClientT = pool.clients[key]
    return client


class ConnectionStack(httpx2.AsyncBaseTransport):
    """As many connections as there are requests at a time; the one used last is used next.

    `httpx2`'s own pool looks at each of its connections twice a request, which at 300 rollouts
    costs more than the request itself.
    """

    def __init__(self) -> None:
        self._idle: defaultdict[Hashable, list[httpx2.AsyncHTTPTransport]] = defaultdict(list)
        self._opened: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        idle = self._idle[request.url.scheme, request.url.host, request.url.port]
        connection = idle.pop() if idle else self._open()
        with ExitStack() as borrowed:
            borrowed.callback(idle.append, connection)
            response = await connection.handle_async_request(request)
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _ReturningStream(response.stream, borrowed.pop_all())
        return response

    def _open(self) -> httpx2.AsyncHTTPTransport:
        limits = httpx2.Limits(max_connections=1, keepalive_expiry=IDLE_SECONDS)
        self._opened.append(httpx2.AsyncHTTPTransport(verify=_tls(), limits=limits))
        return self._opened[-1]

    async def aclose(self) -> None:
        for connection in self._opened:
            await connection.aclose()


class _ReturningStream(httpx2.AsyncByteStream):
    """A response's body that gives its connection back when it is closed."""

    def __init__(self, stream: httpx2.AsyncByteStream, borrowed: ExitStack) -> None:
        self._stream = stream
        self._borrowed = borrowed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        with self._borrowed:
            await self._stream.aclose()


async def _tell_asker(request: httpx2.Request) -> None:
    """Let the controller's gateway know which rollout asks; nobody else is told."""
    known = asker.get()
    if known is not None:
        request.headers.update(known.headers(request.url.path))


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()

"""Servers and clients within the test's own event loop, and the gateway between them."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import uvicorn
from starlette.types import ASGIApp

from hud.dev.gateway import Gateway, GatewayEvent, HttpUpstream, Limits, Upstream
from tests.hud.dev.gateway.toy import MODERN, Json, ToyServer

QUICK = Limits(hold_seconds=5.0, start_seconds=5.0, initialize_seconds=5.0, list_seconds=5.0)


class InnerServer(uvicorn.Server):
    """A server that leaves signals alone, says when it has started, and ends at once."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(app, http="h11", lifespan="off", log_config=None, ws="none")
        )
        self.is_up = anyio.Event()
        self._is_over = anyio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    async def main_loop(self) -> None:
        await self._is_over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in sockets or []:
            listener.close()

    def die(self) -> None:
        """Stop listening and drop every connection, as a process does that is killed."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        self._is_over.set()


@dataclass
class Running:
    """A server and its address."""

    server: InnerServer
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"


def free_socket(port: int = 0) -> socket.socket:
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio then sends without delay
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[Running]:
    """Serve an application until the block ends."""
    listener = free_socket(port)
    server = InnerServer(app)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [listener])
        with anyio.fail_after(5):
            await server.is_up.wait()
        try:
            yield Running(server, listener.getsockname()[1])
        finally:
            server.die()


@dataclass
class Opened:
    """A gateway that is served, and what it told of itself."""

    gateway: Gateway
    url: str
    events: list[GatewayEvent]

    async def until(self, state: str, **counts: int) -> None:
        """Wait until its status says so."""
        with anyio.fail_after(5):
            while (status := self.gateway.status())["state"] != state or any(
                status[name] != count for name, count in counts.items()
            ):
                await anyio.lowlevel.checkpoint()

    @property
    def base(self) -> str:
        return self.url.removesuffix("/mcp")


@asynccontextmanager
async def opened(
    upstream: Upstream | None, folder: Path, limits: Limits = QUICK, **options: Any
) -> AsyncIterator[Opened]:
    """A gateway in front of `upstream`."""
    events: list[GatewayEvent] = []
    gateway = Gateway(upstream, folder=folder, limits=limits, on_event=events.append, **options)
    async with gateway, serving(gateway.app) as running:
        yield Opened(gateway, running.url, events)


@asynccontextmanager
async def in_front_of(
    toy: ToyServer, folder: Path, limits: Limits = QUICK
) -> AsyncIterator[tuple[Opened, Running]]:
    """A toy server, and a gateway in front of it."""
    async with (
        serving(toy.app) as behind,
        opened(HttpUpstream(behind.url), folder, limits) as front,
    ):
        await front.until("serving")
        yield front, behind


class Client:
    """A client that sees the wire: of the older era, and of the newer one with `modern`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.AsyncClient(timeout=15, trust_env=False, verify=False)
        self.session: str | None = None
        self.last: httpx.Response | None = None
        self._id = 0

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    def headers(self, **more: str) -> dict[str, str]:
        own = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        if self.session is not None:
            own |= {"mcp-session-id": self.session, "mcp-protocol-version": "2025-11-25"}
        return own | more

    async def initialize(self, **capabilities: Any) -> Json:
        info = {"name": "test", "version": "1", "x-vendor": "kept"}
        params = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": info}
        answer = await self.ask("initialize", params)
        assert self.last is not None
        self.session = self.last.headers["mcp-session-id"]
        await self.tell("notifications/initialized")
        return answer

    async def ask(self, method: str, params: Json | None = None, **more: Any) -> Json:
        """Send a request; the answer, wherever in the reply it is."""
        self._id += 1
        message = {
            "jsonrpc": "2.0",
            "id": self._id,
            "method": method,
            "params": params or {},
            **more,
        }
        return next(entry for entry in await self.exchange(message) if "method" not in entry)

    async def exchange(self, message: Json, headers: dict[str, str] | None = None) -> list[Json]:
        """Send a message; every message of the reply."""
        headers = headers or self.headers()
        self.last = await self.http.post(self.url, content=json.dumps(message), headers=headers)
        return list(messages_in(self.last))

    async def call(self, tool: str, meta: Json | None = None, **arguments: Any) -> Json:
        params: Json = {"name": tool, "arguments": arguments}
        return await self.ask("tools/call", params | ({"_meta": meta} if meta else {}))

    async def text(self, tool: str, **arguments: Any) -> str:
        answer = await self.call(tool, **arguments)
        return str(answer["result"]["content"][0]["text"]) if "result" in answer else str(answer)

    async def tell(self, method: str, params: Json | None = None) -> int:
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        await self.exchange(message)
        assert self.last is not None
        return self.last.status_code

    async def modern(
        self, method: str, params: Json | None = None, capabilities: Json | None = None
    ) -> list[Json]:
        """Send a request of the newer era; every message of the reply."""
        self._id += 1
        return await self.exchange(
            modern_message(self._id, method, params or {}, capabilities or {}),
            modern_headers(method, params or {}),
        )

    @asynccontextmanager
    async def stream(self, **more: str) -> AsyncIterator[AsyncIterator[Json]]:
        """The stream of what belongs to no call."""
        headers = self.headers(accept="text/event-stream", **more)
        async with self.http.stream("GET", self.url, headers=headers) as response:
            assert response.status_code == 200, await response.aread()
            yield events_of(response)

    @asynccontextmanager
    async def listening(self, **wanted: Any) -> AsyncIterator[AsyncIterator[Json]]:
        """A subscription of the newer era, from its acknowledgement on."""
        method = "subscriptions/listen"
        message = modern_message("listen-1", method, {"notifications": wanted}, {})
        headers = modern_headers(method, {})
        async with self.http.stream(
            "POST", self.url, content=json.dumps(message), headers=headers
        ) as response:
            assert response.status_code == 200, await response.aread()
            yield events_of(response)


def modern_message(request_id: Any, method: str, params: Json, capabilities: Json) -> Json:
    meta = {
        **params.get("_meta", {}),
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": capabilities,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": method,
        "params": params | {"_meta": meta},
    }


def modern_headers(method: str, params: Json) -> dict[str, str]:
    headers = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": MODERN,
        "mcp-method": method,
    }
    name = params.get("name", params.get("uri"))
    return headers | ({"mcp-name": name} if name else {})


def messages_in(response: httpx.Response) -> Iterator[Json]:
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        for line in response.text.splitlines():
            if line.startswith("data:") and line[5:].strip():
                yield json.loads(line[5:])
    elif response.content:
        yield response.json()


async def events_of(response: httpx.Response) -> AsyncIterator[Json]:
    async for line in response.aiter_lines():
        if line.startswith("data:") and line[5:].strip():
            yield json.loads(line[5:])


async def first(events: AsyncIterator[Json]) -> Json:
    """The next event, which has to come soon."""
    with anyio.fail_after(5):
        return await anext(events)


async def none_soon(events: AsyncIterator[Json], seconds: float = 0.3) -> bool:
    """Whether no event comes for a moment."""
    with anyio.move_on_after(seconds):
        await anext(events)
        return False
    return True

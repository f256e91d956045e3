"""Registered environments for clients: each MCP session gets an instance of its own, which ends
with it: a container, or a process that was forked from one that has the libraries loaded.

Sessions are not kept over a restart: what their instances held would be gone.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from starlette.types import Message, Receive, Scope, Send

from controller.environments.lines import Lines
from controller.environments.registry import Place, with_image
from controller.environments.services import Services
from hud.dev.containers.backend import ContainerBackend, Containment
from hud.dev.forking.backend import upstream_of_own_versions
from hud.dev.forking.launch import launch
from hud.dev.forking.versions import Versions
from hud.dev.gateway import Gateway, Limits, Upstream
from hud.dev.gateway.upstreams.channel import SESSION
from hud.dev.watcher import Step
from hud.environment.connections import Supervised

MOST_SESSIONS = 32
"""Instances of one environment that clients may hold at once."""
IDLE_SECONDS = 600.0
"""How long an instance lives that nobody speaks to."""
CLOSE_SECONDS = 1800.0
"""How long an environment's endpoint stays open that nobody asks."""
MOST_REMEMBERED = 4096
LIMITS = Limits(max_sessions=MOST_SESSIONS, idle_seconds=IDLE_SECONDS, initialize_seconds=120.0)

Log = Callable[[str], None]
PlaceKey = tuple[str, str | None]


@dataclass
class Door:
    """The endpoint of one version of an environment."""

    gateway: Supervised[Gateway]
    used: float = field(default_factory=time.monotonic)


class Hub:
    """Endpoints of registered environments, opened when they are first asked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._doors: dict[PlaceKey, Door] = {}
        self._of_session: OrderedDict[bytes, PlaceKey] = OrderedDict()

    async def serve(self, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to an environment's endpoint.

        Raises:
            HudError: its image cannot be built.
        """
        session = dict(scope["headers"]).get(SESSION)
        known = self._of_session.get(session) if session is not None else None
        key = known if known in self._doors else place.key
        door = self._doors.get(key)
        if door is None:
            door = self._doors[key] = Door(Supervised(lambda: self._open(place)))
        door.used = time.monotonic()
        try:
            gateway = await door.gateway.opened()
        except BaseException:
            self._doors.pop(key, None)
            raise

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note_session(dict(message.get("headers", ())).get(SESSION), key)
            await send(message)

        inner = {**scope, "path": "/mcp", "raw_path": b"/mcp", "root_path": ""}
        await gateway.app(inner, receive, noting)

    def sessions(self) -> int:
        """How many sessions were begun at endpoints that are open."""
        return len(self._of_session)

    async def sweep(self) -> None:
        """Close endpoints that nobody asks."""
        limit = time.monotonic() - CLOSE_SECONDS
        for key in [key for key, door in self._doors.items() if door.used < limit]:
            await self._close(key)

    async def aclose(self) -> None:
        """End every instance."""
        await asyncio.gather(*(self._close(key) for key in list(self._doors)))

    async def _close(self, key: PlaceKey) -> None:
        await self._doors.pop(key).gateway.close()

    def _note_session(self, session: bytes | None, key: PlaceKey) -> None:
        if session is not None:
            self._of_session[session] = key
            self._of_session.move_to_end(session)
            while len(self._of_session) > MOST_REMEMBERED:
                self._of_session.popitem(last=False)

    @asynccontextmanager
    async def _open(self, place: Place) -> AsyncIterator[Gateway]:
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hud-hub-"))
            gateway = Gateway(
                folder=Path(folder), limits=LIMITS, hosts=self._services.settings.hosts
            )
            upstream = await self._upstream(place, stack)
            await stack.enter_async_context(gateway)
            await gateway.swap(upstream, cause="it was asked for")
            yield gateway

    async def _upstream(self, place: Place, stack: AsyncExitStack) -> Upstream:
        if place.in_container:
            return await self._contained(place, stack)
        output = await stack.enter_async_context(Lines(place.log))
        variables = self._services.process_variables(place.name, place.project)
        start = partial(launch, output.descriptor, variables)
        versions = Versions(None, place.project.folder, log=place.log, launch=start, plays=False)
        stack.push_async_callback(versions.aclose)
        return upstream_of_own_versions(f"environment `{place.name}`", versions)

    async def _contained(self, place: Place, stack: AsyncExitStack) -> Upstream:
        place = await with_image(self._services, place, "hub session")
        engine = await stack.enter_async_context(self._services.engines.open())
        what = Containment(
            project=place.project,
            image=place.project.image,
            variables=self._services.variables(place.project),
            plays=False,
            per_client=True,
        )
        backend = ContainerBackend(engine, what, place.log)
        stack.push_async_callback(backend.aclose)
        return (await backend.start(Step.RESTART)).upstream

"""Connections of an environment to MCP servers: how they are opened, filtered, named and routed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

import mcp_types

from hud.environment.session import Connection
from hud.errors import ConnectionFailure, HudError, UserError, describe

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 60.0
"""Seconds that connecting to one server, its handshake and its first listing may take together."""
PARALLEL_CONNECTS = 10

T = TypeVar("T")
Transform = Callable[[mcp_types.Tool], mcp_types.Tool | None]
Opener = Callable[[], AbstractAsyncContextManager[Connection]]


class ConflictResolution(StrEnum):
    """What happens when two sources offer a tool of the same name; local tools always come
    first.
    """

    PREFIX = "prefix"
    """The later tool is offered as `{connection}_{tool}`."""
    FIRST_WINS = "first_wins"
    """The later tool is left out."""
    LAST_WINS = "last_wins"
    """The earlier tool is left out, unless it is local."""
    ERROR = "error"
    """Connecting fails."""


@dataclass(frozen=True)
class Source:
    """A declared connection: how to open it and which of its tools are offered under which
    names.
    """

    name: str
    open: Opener
    prefix: str | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    transform: Transform | None = None
    is_local: bool = False
    """Whether the server runs on this machine as a child or in this process."""
    is_private: bool = False
    """Whether rollouts must not share the connection, because what is behind it has a state."""
    seconds: float | None = CONNECT_TIMEOUT
    """How long connecting may take; None where the opener itself sees to that."""
    imports: tuple[str, ...] = ()
    """Modules that opening it imports: a process that forks for rollouts does so before."""
    hint: str | None = None
    """What to do when it cannot be connected to."""

    def offer(self, tool: mcp_types.Tool) -> mcp_types.Tool | None:
        """The tool as this source offers it, or None if it is filtered out."""
        if tool.name in self.exclude or (
            self.include is not None and tool.name not in self.include
        ):
            return None
        transformed: mcp_types.Tool | None = self.transform(tool) if self.transform else tool
        if transformed is None or not self.prefix:
            return transformed
        return transformed.model_copy(update={"name": f"{self.prefix}_{transformed.name}"})


@dataclass
class OpenSource:
    """A source that is connected, with what it offers."""

    source: Source
    connection: Connection
    tools: list[tuple[mcp_types.Tool, str]] = field(default_factory=list)
    """Each offered tool with the name that the server knows it by."""
    prompts: list[mcp_types.Prompt] = field(default_factory=list)
    resources: list[mcp_types.Resource] = field(default_factory=list)

    async def refresh(self) -> None:
        """List what the server offers now."""
        offered = [
            (self.source.offer(tool), tool.name) for tool in await self.connection.list_tools()
        ]
        self.tools = [(tool, name) for tool, name in offered if tool is not None]
        self.prompts = await self.connection.list_prompts()
        self.resources = await self.connection.list_resources()


@dataclass(frozen=True)
class Route:
    """Where a call of one offered tool goes."""

    tool: mcp_types.Tool
    source: OpenSource
    name: str
    """The tool's name at its server."""


def route(
    local_names: Iterable[str], sources: Iterable[OpenSource], resolution: ConflictResolution
) -> dict[str, Route]:
    """Routes by offered name, with conflicts resolved; each conflict is logged as a warning.

    Raises:
        UserError: there is a conflict, and `resolution` is ERROR.
    """
    taken = set(local_names)
    routes: dict[str, Route] = {}
    for opened in sources:
        for tool, name in opened.tools:
            offered = _resolve(tool, opened.source.name, (taken, routes), resolution)
            if offered is not None:
                routes[offered.name] = Route(offered, opened, name)
    return routes


def _resolve(
    tool: mcp_types.Tool,
    source: str,
    known: tuple[set[str], dict[str, Route]],
    resolution: ConflictResolution,
) -> mcp_types.Tool | None:
    local, routes = known
    if tool.name not in local and tool.name not in routes:
        return tool
    owner = (
        "this environment"
        if tool.name in local
        else f"connection `{routes[tool.name].source.source.name}`"
    )
    told = f"connection `{source}` offers the tool `{tool.name}`, which {owner} has too"
    if resolution is ConflictResolution.ERROR:
        raise UserError(told, hint="give the connection a `prefix`, or `exclude` the tool")
    if resolution is ConflictResolution.PREFIX:
        renamed = tool.model_copy(update={"name": f"{source}_{tool.name}"})
        if renamed.name not in local and renamed.name not in routes:
            logger.warning("%s; it is offered as `%s`", told, renamed.name)
            return renamed
    if resolution is ConflictResolution.LAST_WINS and tool.name not in local:
        logger.warning("%s; the later one is used", told)
        return tool
    logger.warning("%s; the later one is left out", told)
    return None


class Supervised(Generic[T]):
    """Keeps a context manager open in a task of its own, so that it can be closed from any task.

    Clients with task groups inside must be left in the task that entered them.
    """

    def __init__(self, opener: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._opener = opener
        self._closing = asyncio.Event()
        self._opened: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold())

    async def _hold(self) -> None:
        try:
            async with self._opener() as value:
                if not self._opened.done():
                    self._opened.set_result(value)
                await self._closing.wait()
        except Exception as exc:  # noqa: BLE001 - handed to whoever waits for the connection
            if not self._opened.done():
                self._opened.set_exception(exc)
            else:
                logger.debug("a connection ended: %s", describe(exc))

    async def opened(self) -> T:
        """What the context gives, once it is entered. Raises what entering raised."""
        return await asyncio.shield(self._opened)

    async def close(self) -> None:
        """Leave the context and wait until it is left."""
        self._closing.set()
        if not self._opened.done():
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._opened.done() and not self._opened.cancelled():
            self._opened.exception()  # nobody may have waited for it


class OpenSources:
    """All connections of an environment, opened together and closed together."""

    def __init__(self) -> None:
        self.opened: list[OpenSource] = []
        self._supervised: list[Supervised[Connection]] = []

    async def open(self, sources: Iterable[Source]) -> None:
        """Connect to all sources, some at a time.

        Raises:
            ConnectionFailure: one could not be reached; the others are closed again.
        """
        limit = asyncio.Semaphore(PARALLEL_CONNECTS)
        try:
            self.opened = list(
                await asyncio.gather(*(self._open(source, limit) for source in sources))
            )
        except BaseException:
            await self.close()
            raise

    async def _open(self, source: Source, limit: asyncio.Semaphore) -> OpenSource:
        async with limit:
            try:
                async with asyncio.timeout(source.seconds):
                    supervised = Supervised(source.open)
                    self._supervised.append(supervised)
                    opened = OpenSource(source, await supervised.opened())
                    await opened.refresh()
                    return opened
            except HudError:
                raise
            except Exception as exc:
                raise ConnectionFailure(
                    f"cannot connect to `{source.name}`: {_reason(exc)}", hint=source.hint
                ) from exc

    async def close(self) -> None:
        """Disconnect from all."""
        supervised, self._supervised, self.opened = self._supervised, [], []
        await asyncio.gather(*(item.close() for item in supervised))


def _reason(exc: BaseException) -> str:
    """The innermost reason of an exception that task groups may have wrapped."""
    while isinstance(exc, BaseExceptionGroup) and exc.exceptions:
        exc = exc.exceptions[0]
    if isinstance(exc, TimeoutError):
        return f"no answer within {CONNECT_TIMEOUT:g} s"
    return describe(exc)


Hook = Callable[..., Awaitable[Any] | Any]

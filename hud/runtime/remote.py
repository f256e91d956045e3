"""Environments that a server starts: each rollout is a session of its own, and an instance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

from hud.environment import Environment
from hud.environment.connections import Source
from hud.environment.mcp_client import open_url
from hud.environment.session import Connection, Session
from hud.errors import ConnectionFailure, boundary
from hud.task import Task


@dataclass(frozen=True)
class RemoteInstance:
    """A session with a server; what the instance prints stays there."""

    connection: Connection
    log: str = ""


class RemoteRuntime:
    """Connects each rollout to the server of its task's environment."""

    def __init__(self, url_of: Callable[[Task], str]) -> None:
        """`url_of` is where instances of a task's environment are to be had."""
        self._url_of = url_of

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[RemoteInstance]:
        name = task.env_name or "environment"
        opening = open_url(self._url_of(task), None, name)
        with boundary(ConnectionFailure, f"cannot connect to `{name}`"):
            connection = await opening.__aenter__()
        try:
            env = Environment(name)
            env.sources.append(Source(name, lambda: nullcontext(connection), seconds=None))
            async with env:
                yield RemoteInstance(Session(env))
        except BaseException as exc:
            await opening.__aexit__(type(exc), exc, exc.__traceback__)
            raise
        await opening.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """There is nothing to stop: sessions end with their rollouts."""

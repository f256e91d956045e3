"""Environments of this process: rollouts share its modules' state, and nothing is started but what
they must not share: an environment that connects to images is replicated for each rollout.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hud.environment import Environment
from hud.environment.replica import replica_of
from hud.environment.session import Connection, Session
from hud.errors import UserError
from hud.task import Task


@dataclass(frozen=True)
class LocalInstance:
    """A session of an environment in this process; what it prints goes where this process
    prints.
    """

    connection: Connection
    log: str = ""


class LocalRuntime:
    """Opens each environment once and gives every rollout a session of its own."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._open: dict[int, Environment] = {}
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[LocalInstance]:
        env = environment_of(task)
        async with AsyncExitStack() as stack:
            if any(source.is_private for source in env.sources):
                env = await stack.enter_async_context(replica_of(env))
            else:
                await self._enter(env)
            session = Session(env)
            stack.push_async_callback(session.close)
            yield LocalInstance(session)

    async def _enter(self, env: Environment) -> None:
        async with self._opening:
            if id(env) not in self._open:
                await self._stack.enter_async_context(env)
                self._open[id(env)] = env

    async def aclose(self) -> None:
        self._open.clear()
        await self._stack.aclose()


def environment_of(task: Task) -> Environment:
    """The live environment of a task.

    Raises:
        UserError: the task names an environment that is not here, or none.
    """
    if isinstance(task.env, Environment):
        return task.env
    name = task.env_name
    what = f"task `{task.key}`"
    if name is None:
        raise UserError(f"{what} names no environment", hint='add "env": {"name": …} to it')
    raise UserError(
        f"{what} needs the environment `{name}`, which is not here",
        hint=f"put an env.py with Environment({name!r}) beside the task file",
    )

"""A rollout of our own that a worker host plays before it forks, so that no child runs the same
code for the first time.

Code that runs for the first time is slow, and it writes: the interpreter specialises it and fills
its caches. In a child each of these writes would copy a page of the host's memory.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable

from hud.environment import Environment
from hud.environment.session import SUBMIT_TOOL
from hud.errors import EnvironmentFailure
from hud.runtime.wire import WireConnection
from hud.task import Task

TIMES = 12
"""How often it is played: interpreters specialise what has run eight times."""
PATIENCE = 5.0
"""Seconds that one request may take."""

env = Environment("rehearsal")


# A function that is not async would leave a thread behind, and then the host could not fork.
@env.tool()
async def repeat(text: str) -> str:
    """Return the text."""
    return text


@env.scenario("play")
async def scenario(word: str) -> AsyncGenerator[str | float, str]:
    yield word
    yield 1.0


def rehearse(play: Callable[[Task, socket.socket], Awaitable[None]]) -> None:
    """Have `play` serve rollouts, and be its client; nothing is left behind."""
    task = scenario.task(word="break a leg")
    for _ in range(TIMES):
        asyncio.run(_rehearse(play, task))


async def _rehearse(play: Callable[[Task, socket.socket], Awaitable[None]], task: Task) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    wire = WireConnection(PATIENCE, _obituary)
    await asyncio.get_running_loop().create_connection(lambda: wire.protocol, sock=ours)
    playing = asyncio.ensure_future(play(task, theirs))
    await wire.get_prompt("play", task.args or {})
    await wire.list_tools()
    await wire.call_tool("repeat", {"text": "a text"})
    await wire.call_tool(SUBMIT_TOOL, {"scenario": "play", "answer": "an answer"})
    await wire.read_resource("play")
    wire.close()
    await playing


async def _obituary() -> EnvironmentFailure:
    return EnvironmentFailure("the rehearsal's environment is gone")

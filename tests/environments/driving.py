"""Plays the tasks of the environments beside this file, by every path on which they are served."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio

from hud import Environment, Task
from hud.datasets import load_tasks, run_dataset
from hud.environment.modules import find_environment
from tests.command import ROOT
from tests.hud.environment.served import environment_variables, free_port, reachable

FOLDER = ROOT / "tests/environments"
LIMIT = 90.0
"""Seconds that playing all tasks of an environment may take."""

REWARDS = {
    "office": {"vip-mails": 1.0, "half-done": 0.5, "kick-off": 1.0},
    "ledger": {"ann-owes-bob": 1.0, "paid-too-much": 0.0, "total-of-the-books": 1.0},
    "workshop": {"golden": 1.0, "untold": 0.6, "untidy": 0.8, "note": 0.5},
    "kitchen": {"two-soups": 1.0, "one-soup-too-few": 0.5},
    "desktop": {"copied": 1.0, "only-said": 0.5},
}
"""What replaying each task's validation earns."""

UNPLAYED = {"office": 0.0, "ledger": 0.0, "workshop": 0.0, "kitchen": 0.0, "desktop": 0.25}
"""What doing nothing earns, at most."""


@contextmanager
def imported(name: str) -> Iterator[list[Task]]:
    """The tasks of an environment, imported into this process, and forgotten afterwards."""
    modules, paths, folder = set(sys.modules), list(sys.path), Path.cwd()
    try:
        os.chdir(FOLDER / name)
        tasks = load_tasks("tasks.json" if Path("tasks.json").exists() else "tasks.py")
        for task in tasks:
            if task.env is None:  # as authors do with JSON tasks that name none
                task.env = find_environment("env:env")
        yield tasks
    finally:
        os.chdir(folder)
        sys.path[:] = paths
        for module in set(sys.modules) - modules:
            if str(FOLDER) in str(getattr(sys.modules[module], "__file__", "")):
                del sys.modules[module]


async def play(tasks: list[Task], agent: str) -> dict[str, float | None]:
    """What an agent earns in each task; raises what went wrong."""
    async with asyncio.timeout(LIMIT):
        contexts = await run_dataset(tasks, agent, max_concurrent=1)
    failed = [ctx.error for ctx in contexts if ctx.error is not None]
    if failed:
        raise failed[0]
    return {ctx.task.slug or "": ctx.reward for ctx in contexts}


async def play_over(
    connected: Environment, tasks: list[Task], agent: str
) -> dict[str, float | None]:
    """The same, in an environment that is reached by a connection."""
    far = [task.copy(env=connected, slug=task.slug) for task in tasks]
    async with connected:
        return await play(far, agent)


def variables() -> dict[str, str]:
    """What a process needs that runs this checkout."""
    return environment_variables() | {"PYTHONPATH": str(ROOT)}


def over_stdio(name: str) -> Environment:
    """An environment, served by `hud dev` over standard input and output."""
    config = {
        "command": sys.executable,
        "args": ["-m", "hud", "dev", "env:env", "--stdio"],
        "cwd": str(FOLDER / name),
        "env": variables(),
    }
    return Environment(name).connect_mcp(config)


@asynccontextmanager
async def over_http(name: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an environment that serves itself over HTTP."""
    port = free_port()
    code = f"from env import env; env.run(transport='http', port={port})"
    with (tmp_path / f"{name}.log").open("wb") as log:
        process = await anyio.open_process(
            [sys.executable, "-c", code],
            cwd=FOLDER / name,
            env=variables() | {"PYTHONPATH": f"{ROOT}{os.pathsep}."},
            stdout=log,
            stderr=log,
        )
        try:
            async with asyncio.timeout(LIMIT):
                await reachable(port)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            with anyio.CancelScope(shield=True):
                await process.wait()

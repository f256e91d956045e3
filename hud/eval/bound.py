"""Tasks that are data, played in the environments of a folder: each rollout in a process of its
own.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hud.environment import Environment
from hud.environment.modules import environment_called, local_environments
from hud.errors import UserError, did_you_mean
from hud.eval.taskset import collect
from hud.runtime.worker import Source, WorkerInstance, WorkerRuntime
from hud.settings import get_settings, machine_memory
from hud.task import Task

LOADER = "hud.eval.bound:bind"
OWN_TASKS = "hud.eval.bound:collect_there"


def collect_there(folder: str) -> list[Task]:
    """A folder's own tasks, found from inside of it.

    Raises:
        UserError: it holds none, or they cannot be read.
    """
    os.chdir(folder)
    return collect(folder)


def bind(folder: str, tasks: list[dict[str, Any]]) -> list[Task]:
    """The tasks, each with its environment out of the folder; from inside of it.

    Raises:
        UserError: an environment is not there, or a scenario does not take the arguments.
    """
    os.chdir(folder)
    environments = local_environments(Path(folder) / "tasks.json") or _of_tasks(folder)
    return [_bound(Task(**{"args": {}, **item}), environments, folder) for item in tasks]


def _of_tasks(folder: str) -> dict[str, Environment]:
    """The environments that stand in the same files as the folder's tasks."""
    found = [task.env for task in collect(folder)]
    return {env.name: env for env in found if isinstance(env, Environment)}


def _bound(task: Task, environments: dict[str, Environment], folder: str) -> Task:
    env = environment_called(task.env_name, environments)
    if env is None and len(environments) == 1:
        env = next(iter(environments.values()))
    if env is None:
        name = task.env_name or task.key
        hint = did_you_mean(name, environments)
        raise UserError(f"no environment `{name}` in `{Path(folder).name}`", hint=hint)
    task.env = env
    if task.scenario is not None and task.args is not None:
        task.args = env.make_task(task.scenario_name, task.args).args
    return task


class FolderRuntime:
    """Plays given tasks in processes forked from one that has loaded the folder's environments."""

    def __init__(
        self,
        folder: Path,
        tasks: Sequence[Task],
        *,
        variables: Mapping[str, str] | None = None,
        output: int = 2,
    ) -> None:
        """`variables` are what the processes' environment holds; None: what this process's does.
        `output` is the descriptor that importing prints to.
        """
        settings = get_settings()
        given = [task.to_json() for task in tasks]
        self._keys = [task.key for task in tasks]
        self._by_key: dict[str, Task] = {}
        self._workers = WorkerRuntime(
            Source(LOADER, {"folder": str(folder), "tasks": given}),
            timeout=settings.client_timeout,
            memory=settings.rollout_memory or machine_memory() // 2,
            variables=variables,
            output=output,
        )

    async def open(self) -> None:
        """Load the environments.

        Raises:
            UserError: they cannot be imported, or do not fit the tasks.
            StartFailure, LimitReached: the process died, or importing took too long.
        """
        loaded = await self._workers.load()
        self._by_key = dict(zip(self._keys, loaded, strict=True))

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[WorkerInstance]:
        async with self._workers.start(self._by_key[task.key], seed=seed) as instance:
            yield instance

    async def aclose(self) -> None:
        await self._workers.aclose()


async def own_tasks(
    folder: Path, variables: Mapping[str, str] | None = None, output: int = 2
) -> list[Task]:
    """A folder's tasks as data, found in a process of its own.

    Raises:
        UserError: it holds none, or they cannot be read.
    """
    source = Source(OWN_TASKS, {"folder": str(folder)})
    runtime = WorkerRuntime(source, variables=variables, output=output)
    try:
        return await runtime.load()
    finally:
        await runtime.aclose()

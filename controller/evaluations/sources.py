"""Which tasks a source means: a taskset, one task of it, or what an environment brings along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from controller.errors import NotFound
from controller.evaluations.runtimes import EnvironmentDoor
from hud.errors import UserError, did_you_mean
from hud.eval.loading import task_from
from hud.eval.taskset import select
from hud.task import Task
from hud.wire import JobRequest
from hud.wire.tasksets import TasksetRecord


class TasksetStore(Protocol):
    """What is asked of the store."""

    async def tasksets(self) -> list[TasksetRecord]: ...

    async def export(self, name: str) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Found:
    """The tasks that a source means."""

    tasks: list[Task]
    taskset: str | None = None
    environment: str = ""
    """The environment that the source is."""


async def find_tasks(request: JobRequest, store: TasksetStore, door: EnvironmentDoor) -> Found:
    """The tasks that a request asks for, in order, and in the environment that it asks for.

    Raises:
        UserError: there is no such source, task or environment, or tasks cannot be read.
    """
    found = await _all_tasks(request.source, store, door)
    tasks = found.tasks
    if not tasks:
        raise UserError(f"`{request.source}` holds no tasks", hint="hud sync tasks NAME SOURCE")
    if request.task_ids:
        tasks = select(tasks, request.task_ids, request.source)
    elif not request.full:
        tasks = tasks[:1]
    if request.environment is not None:
        await _check_environment(request.environment, door)
        tasks = [task.played_in(request.environment) for task in tasks]
    return Found(tasks, found.taskset, found.environment)


async def _check_environment(name: str, door: EnvironmentDoor) -> None:
    known = await door.names()
    if name not in known:
        raise NotFound(f"there is no environment `{name}`", hint=did_you_mean(name, known))


async def _all_tasks(source: str, store: TasksetStore, door: EnvironmentDoor) -> Found:
    tasksets = [record.name for record in await store.tasksets()]
    if source in tasksets:
        return Found(await _tasks_of(source, store), taskset=source)
    name, _, slug = source.rpartition("/")
    if name in tasksets:
        return Found(select(await _tasks_of(name, store), [slug], name), taskset=name)
    environments = await door.names()
    if source in environments:
        return Found(await door.own_tasks(source), environment=source)
    raise NotFound(
        f"there is no taskset and no environment `{source}`",
        hint=did_you_mean(source, [*tasksets, *environments]),
    )


async def _tasks_of(name: str, store: TasksetStore) -> list[Task]:
    return [task_from(item) for item in await store.export(name)]

"""The first start: an empty workspace gets a copy of the template, and its taskset is evaluated
once, so that there is something to look at.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Protocol

from hud.errors import HudError, UserError
from hud.runtime.template import TEMPLATE_NAME, make_environment
from hud.task import Task
from hud.wire import JobRequest, JobView, Variant
from hud.wire.platform import Page
from hud.wire.tasksets import SyncPlan, TaskUpload

READ_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Jobs(Protocol):
    """What is asked of the store."""

    async def jobs(self, *, limit: int) -> Page[JobView]: ...

    async def upload(self, name: str, upload: TaskUpload) -> SyncPlan: ...


class Door(Protocol):
    """Reads the tasks that an environment brings along."""

    async def own_tasks(self, name: str) -> list[Task]: ...


class Starter(Protocol):
    """Starts evaluations."""

    async def start(self, request: JobRequest) -> JobView: ...


async def furnish(workspace: Path, store: Jobs) -> bool:
    """Put a copy of the template into the workspace, if both it and the store are empty.

    Returns whether there is one now that was not there before.

    Raises:
        UserError: the workspace cannot be written.
    """
    if _holds_something(workspace) or (await store.jobs(limit=1)).total:
        return False
    _copy_template(workspace)
    return True


async def greet(door: Door, store: Jobs, evaluations: Starter) -> None:
    """Begin to evaluate the template's tasks with the oracle; that they cannot be is no reason not
    to start.
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            tasks = await door.own_tasks(TEMPLATE_NAME)
        upload = TaskUpload(tasks=[task.to_json() for task in tasks])
        await store.upload(TEMPLATE_NAME, upload)
        oracle = Variant(name="oracle", agent="oracle")
        await evaluations.start(JobRequest(source=TEMPLATE_NAME, agents=[oracle]))
    except HudError as exc:
        _log.warning("the template could not be evaluated: %s", exc.message)
    except TimeoutError:
        _log.warning("the template's tasks could not be read in %g seconds", READ_SECONDS)


def _holds_something(workspace: Path) -> bool:
    return workspace.is_dir() and any(not path.name.startswith(".") for path in workspace.iterdir())


def _copy_template(workspace: Path) -> None:
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        _hand_over(make_environment(TEMPLATE_NAME, workspace), workspace)
    except OSError as exc:
        raise UserError(
            f"cannot write the workspace `{workspace}`: {exc.strerror}",
            hint="HUD_WORKSPACE names another folder",
        ) from exc


def _hand_over(folder: Path, workspace: Path) -> None:
    """Give the folder to whoever owns the workspace: in a container, root wrote it."""
    owner = workspace.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid)

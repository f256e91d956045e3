"""Evaluating in containers: the runtime of a source, and its tasks.

Tasks are found on this machine, unless their environment needs packages that only its image has:
then they are read as data, or found in a container.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from hud.containers.contract import Progress
from hud.errors import HudError, UserError
from hud.eval.apart import collect_apart
from hud.eval.taskset import collect_data
from hud.runtime.contained import ContainerRuntime
from hud.runtime.project import Project, find_project
from hud.task import Task

MISSING_PACKAGE = "ModuleNotFoundError"
LISTING = """
import json, sys
from hud.eval.taskset import collect
tasks = collect(**json.loads(sys.argv[1]))
print("\\n" + json.dumps([task.to_json() for task in tasks]))
"""
LISTING_SECONDS = 120.0


def runtime_for(source: str, progress: Progress | None) -> ContainerRuntime:
    """The runtime for tasks of a source; `progress` hears of its image's build.

    Raises:
        UserError: the source belongs to no environment that runs in containers.
    """
    run = f"eval-{secrets.token_hex(6)}"
    return ContainerRuntime(find_project(Path(source)), run=run, progress=progress)


async def load(runtime: ContainerRuntime, arguments: dict[str, Any], group: int) -> list[Task]:
    """Find the tasks, open the runtime, and see that they go together.

    Raises:
        UserError: the source cannot be used, or needs a scenario that the image does not have.
        BuildFailure, StartFailure: the image does not serve.
    """
    missing: UserError | None = None
    tasks: list[Task] = []
    try:
        tasks = await collect_apart(arguments)
    except UserError as mistake:
        if MISSING_PACKAGE not in mistake.message:
            raise
        missing = mistake
    await runtime.open()
    if missing is not None:
        tasks = await _collect_without(runtime, arguments, missing)
    await runtime.expect(tasks, group)
    return tasks


def _place_in(project: Project, source: str) -> str:
    """Where the source is, seen from the project's folder, which an image copies."""
    return Path(source).resolve().relative_to(project.folder).as_posix()


async def _collect_without(
    runtime: ContainerRuntime, arguments: dict[str, Any], missing: UserError
) -> list[Task]:
    """The tasks of a source whose environment cannot be imported here."""
    if Path(arguments["source"]).suffix in (".json", ".jsonl"):
        return collect_data(**arguments)
    inside = _place_in(runtime.project, arguments["source"])
    given = json.dumps({**arguments, "source": inside})
    try:
        printed = await runtime.run(("python", "-c", LISTING, given), seconds=LISTING_SECONDS)
        return [Task(**item) for item in json.loads(printed.splitlines()[-1])]
    except (HudError, ValueError, IndexError) as error:
        raise UserError(
            missing.message,
            hint=f"only the image has it: copy `{inside}` into the image, or write tasks as JSON",
            detail=missing.detail,
        ) from error

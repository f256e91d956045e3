"""`hud build`: build an environment's image, start it once, and write down what it offers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from hud.cli import console
from hud.cli.assignments import BuildArgs, BuildSecrets, NoCache, build_secrets, pairs
from hud.cli.building import BuildProgress
from hud.containers import BuildRequest, BuildResult, Engine
from hud.containers.contract import Progress
from hud.errors import UserError
from hud.runtime.build import build_image, current_lock, examine
from hud.runtime.lock import LOCK_FILE, Lock, write_lock
from hud.runtime.original import build_over
from hud.runtime.project import Project, read_project

Make = Callable[[Engine, BuildRequest, Progress | None], Awaitable[BuildResult]]


def build(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with a Dockerfile.hud or a Dockerfile.")
    ] = Path(),
    tag: Annotated[
        str | None, typer.Option("--tag", "-t", help="Name of the image; else the folder's.")
    ] = None,
    no_cache: NoCache = False,
    build_args: BuildArgs = None,
    secrets: BuildSecrets = None,
    platform: Annotated[
        str | None, typer.Option("--platform", help="Platform to build for: linux/amd64, …")
    ] = None,
    variables: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="K=V", help="Variable for the trial run; K alone too."),
    ] = None,
    sdk: Annotated[
        Literal["project", "local"],
        typer.Option("--sdk", help="`local` puts this SDK in place of the image's `hud-python`."),
    ] = "project",
) -> int:
    """Build the image of an environment, start it once, and write hud.lock.yaml.

    What is unchanged is not built again. The name of the image is printed on standard output.
    """
    project = read_project(folder, tag)
    if not project.has_dockerfile:
        raise UserError(f"there is no Dockerfile in `{folder}`", hint="hud init writes one")
    request = BuildRequest(
        project.folder,
        tag=project.image,
        build_args=pairs("--build-arg", build_args),
        secrets=build_secrets(secrets),
        platform=platform,
        no_cache=no_cache,
    )
    given = pairs("-e", variables)
    make = build_over if sdk == "local" else build_image
    return asyncio.run(_interruptible(project, request, given, make))


async def _interruptible(
    project: Project, request: BuildRequest, given: Mapping[str, str], make: Make
) -> int:
    """Build; a signal ends what was started, and then this."""
    task = asyncio.current_task()
    assert task is not None
    interrupted: list[int] = []

    def interrupt(number: int) -> None:
        interrupted.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt, number)
    try:
        return await _build(project, request, given, make)
    except asyncio.CancelledError:
        if not interrupted:
            raise
        console.note(f"interrupted: {LOCK_FILE} is as it was")
        return 128 + interrupted[0]


async def _build(
    project: Project, request: BuildRequest, given: Mapping[str, str], make: Make
) -> int:
    async with Engine() as engine:
        with BuildProgress() as progress:
            result = await make(engine, request, progress.show)
        _tell_built(result)
        for deviation in project.sandbox.deviations():
            console.note(f"  [tool.hud] {deviation}")
        lock = current_lock(project.folder, result)
        if lock is None:
            console.note("→ starting it once")
            lock = await examine(engine, project, result, given)
            path = write_lock(project.folder, lock)
            console.note(f"✓ {_offer(lock)}; answers after {lock.start_seconds:g} s")
            console.note(f"✓ wrote {path.name}")
    console.data(result.tag)
    console.note(f"→ hud debug {result.tag}")
    return 0


def _tell_built(result: BuildResult) -> None:
    if result.reused:
        console.note(f"✓ {result.tag} is up to date: nothing that it is built from has changed")
    else:
        digest = result.image.id[:19]
        console.note(f"✓ built {result.tag} ({digest}) in {result.seconds:.1f} s")


def _offer(lock: Lock) -> str:
    numbers = (("tool", len(lock.tools)), ("scenario", len(lock.scenarios)))
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in numbers)

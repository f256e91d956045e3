"""From a folder and what is watched in it to a backend of containers."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hud.containers import Containers, ContainerSpec, Engine
from hud.dev.backend import LineSink
from hud.dev.containers.backend import Build, ContainerBackend, Containment
from hud.dev.containers.dockerfile import Copy, read_dockerfile
from hud.dev.containers.keeping import Keeping
from hud.dev.containers.mounts import Place, places, remove_leftovers
from hud.dev.containers.obedient import lines_of
from hud.dev.target import dockerfile_beside
from hud.errors import UserError
from hud.runtime.project import PROJECT_FILE, Project, read_project, variables_of

MOUNT_KEY = "mount"
"""Key of `[tool.hud]`: where the folder is in the image, or a table of paths and where they are."""


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    folder: Path
    module: str | None
    image: str | None
    watched: tuple[Path, ...]
    plays: bool
    per_client: bool
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    build: Build | None = None
    """Builds the image; None does it in the usual way."""
    keeping: Keeping | None = None
    """Who may go on with the containers after this process has died."""


@dataclass(frozen=True)
class Opened:
    """A backend, and which watched paths its containers see."""

    backend: ContainerBackend
    mounted: tuple[Path, ...]


@asynccontextmanager
async def open_containers(wanted: Wanted, log: LineSink) -> AsyncIterator[Opened]:
    """A backend of containers, which are gone afterwards.

    Raises:
        EngineUnavailable: there is no container engine.
        UserError: what is declared or asked for cannot be done.
    """
    project = read_project(wanted.folder)
    remove_leftovers(project.folder)
    async with Engine() as engine:
        found = await _places(engine, project, wanted)
        what = Containment(
            project=project,
            image=wanted.image,
            module=wanted.module,
            places=found,
            variables=variables_of(project, wanted.variables),
            plays=wanted.plays,
            per_client=wanted.per_client,
            build=wanted.build,
            keeping=wanted.keeping,
        )
        backend = ContainerBackend(engine, what, log)
        try:
            yield Opened(backend, tuple(project.folder / place.source for place in found))
        finally:
            await backend.aclose()


async def _places(engine: Containers, project: Project, wanted: Wanted) -> tuple[Place, ...]:
    """Where the image has what is watched."""
    if not wanted.watched:
        return ()
    copies = declared_copies(project.folder)
    if copies is None:
        recipe = dockerfile_beside(project.folder)
        if recipe is not None:
            copies = read_dockerfile(recipe.read_text("utf-8", errors="replace")).copies
        else:
            workdir = await _workdir(engine, wanted.image or project.image)
            copies = (Copy(".", workdir, into=True),)
    own = tuple(Copy(mount.source, mount.target) for mount in project.sandbox.mounts)
    return tuple(
        place for path in wanted.watched for place in places(path, project.folder, (*copies, *own))
    )


def declared_copies(folder: Path) -> tuple[Copy, ...] | None:
    """What `[tool.hud] mount` says of where files are; None if it says nothing.

    Raises:
        UserError: it is neither a path nor a table of paths.
    """
    path = folder / PROJECT_FILE
    if not path.is_file():
        return None
    value = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("hud", {}).get(MOUNT_KEY)
    if value is None:
        return None
    table = {".": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or not all(_is_absolute(target) for target in table.values()):
        hint = f'{MOUNT_KEY} = "/app", or a table: "src" = "/app/src"'
        raise UserError(f"`{MOUNT_KEY}` in [tool.hud] of {path} names no paths", hint=hint)
    return tuple(Copy(source, target) for source, target in table.items())


def _is_absolute(target: object) -> bool:
    return isinstance(target, str) and target.startswith("/")


async def _workdir(engine: Containers, image: str) -> str:
    """The working directory of an image.

    Raises:
        UserError: it cannot be found out.
    """
    if await engine.image(image) is not None:
        spec = ContainerSpec(image=image, entrypoint=(), command=("pwd",))
        async with engine.container(spec) as container:
            stdio = await container.attach()
            await container.start()
            async for line in lines_of(stdio):
                if line.startswith(b"/"):
                    return line.decode().strip()
    hint = f'say it: [tool.hud] {MOUNT_KEY} = "/app" in {PROJECT_FILE}'
    raise UserError(f"where the files are in image `{image}` cannot be found out", hint=hint)

"""What a user names: an image, a folder with a Dockerfile or an environment, a module, a URL."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hud.containers import BuildRequest, ContainerSpec, Engine
from hud.containers.contract import Progress
from hud.containers.images.context import DOCKERFILES
from hud.containers.images.names import image_reference
from hud.debug.targets.image import ImageTarget
from hud.debug.targets.module import ModuleTarget
from hud.debug.targets.target import Target
from hud.debug.targets.url import UrlTarget
from hud.environment.modules import ATTRIBUTES, ENVIRONMENT_FILES
from hud.errors import UserError
from hud.runtime.build import build_image
from hud.runtime.container import spec_for
from hud.runtime.project import Project, read_project, variables_of

_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
_PATH = re.compile(r"[.~/]")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Request:
    """What to examine, as it was typed."""

    text: str = "."
    docker_arguments: Sequence[str] = ()
    """Options of `docker run`, for images; `-e NAME` takes its value from here."""
    build: bool = False
    """Whether a folder's image is built first."""


@asynccontextmanager
async def open_target(request: Request, progress: Progress | None = None) -> AsyncIterator[Target]:
    """The target that a request names; its engine, where it needs one, is open meanwhile.

    Raises:
        UserError: it names nothing that can be examined, or an option is not supported.
        DockerFailure: it needs a container engine, and none answers.
        BuildFailure: its image could not be built.
    """
    plain = _plain_target(request)
    if plain is not None:
        if request.docker_arguments or request.build:
            option = "--build" if request.build else next(iter(request.docker_arguments))
            raise UserError(f"`{option}` is for images, and `{request.text}` is none")
        yield plain
        return
    project = _project(request.text)
    spec = _spec(request, project)
    async with Engine() as engine:
        if request.build and project is not None:
            await build_image(engine, BuildRequest(project.folder, tag=spec.image), progress)
        yield ImageTarget(engine, spec)


def _plain_target(request: Request) -> Target | None:
    """The target, if it needs no engine."""
    if re.match(r"https?://", request.text):
        return UrlTarget(request.text)
    project = _project(request.text)
    if project is None:
        return ModuleTarget(request.text, Path.cwd()) if names_module(request.text) else None
    if project.has_dockerfile:
        return None
    if any((project.folder / name).is_file() for name in ENVIRONMENT_FILES):
        return ModuleTarget("", project.folder)
    names = ", ".join((*DOCKERFILES, *ENVIRONMENT_FILES))
    told = f"there is no environment in `{request.text}` (looked for {names})"
    raise UserError(told, hint="hud init")


def _project(text: str) -> Project | None:
    """The project in the folder that a text names, if it names one."""
    return read_project(Path(text)) if Path(text).is_dir() else None


def names_module(text: str) -> bool:
    """Whether a text names a Python module, not an image: a file, or a module that is here."""
    name, _, attribute = text.partition(":")
    if name.endswith(".py"):
        return True
    if not _MODULE.fullmatch(name):
        return False
    path = Path(*name.split("."))
    is_here = path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
    return is_here or attribute in ATTRIBUTES


def _spec(request: Request, project: Project | None) -> ContainerSpec:
    """The container that a request asks for."""
    given = request.docker_arguments
    if project is not None:
        spec = spec_for(project.image, docker_args=given, sandbox=project.sandbox)
        return replace(spec, env=variables_of(project, spec.env))
    if request.build:
        told = f"`--build` builds a folder, and `{request.text}` is none"
        raise UserError(told, hint="hud debug DIR --build")
    if request.text.startswith("-"):
        raise UserError(f"there is no option `{request.text}`", hint="hud debug --help")
    if _PATH.match(request.text):
        raise UserError(f"there is no folder `{request.text}`")
    is_id = _IMAGE_ID.fullmatch(request.text)
    return spec_for(request.text if is_id else image_reference(request.text), docker_args=given)

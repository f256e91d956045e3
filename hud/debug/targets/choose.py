"""What a user names: an image, a folder with a Dockerfile or an environment, a module, a URL."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hud.containers import BuildRequest, Containers, ContainerSpec, Engine, Sandbox
from hud.containers.arguments import with_docker_arguments
from hud.containers.contract import Progress
from hud.containers.images.context import DOCKERFILES
from hud.containers.images.names import image_name, image_reference
from hud.debug.targets.image import ImageTarget
from hud.debug.targets.module import ModuleTarget
from hud.debug.targets.target import Target
from hud.debug.targets.url import UrlTarget
from hud.environment.modules import ATTRIBUTES, ENVIRONMENT_FILES
from hud.errors import UserError
from hud.settings import variable

_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
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
    folder = _folder(request.text)
    spec = _spec(request, folder)
    async with Engine() as engine:
        if request.build:
            await _build(engine, spec, folder, progress)
        yield ImageTarget(engine, spec)


def _plain_target(request: Request) -> Target | None:
    """The target, if it needs no engine."""
    if re.match(r"https?://", request.text):
        return UrlTarget(request.text)
    folder = _folder(request.text)
    if folder is None:
        return ModuleTarget(request.text, Path.cwd()) if names_module(request.text) else None
    if any((folder / name).is_file() for name in DOCKERFILES):
        return None
    if any((folder / name).is_file() for name in ENVIRONMENT_FILES):
        return ModuleTarget("", folder)
    names = ", ".join((*DOCKERFILES, *ENVIRONMENT_FILES))
    raise UserError(
        f"there is no environment in `{request.text}` (looked for {names})", hint="hud init"
    )


def _folder(text: str) -> Path | None:
    path = Path(text)
    return path if path.is_dir() else None


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


def _spec(request: Request, folder: Path | None) -> ContainerSpec:
    tag = request.text if folder is None else image_name(folder.resolve().name)
    sandbox = Sandbox() if folder is None else _declared(folder)
    image = tag if _IMAGE_ID.fullmatch(tag) else image_reference(tag)
    spec = ContainerSpec(image=image, sandbox=sandbox)
    given = request.docker_arguments
    variables = {name: value for name in given if (value := variable(name)) is not None}
    return with_docker_arguments(spec, given, variables)


def _declared(folder: Path) -> Sandbox:
    """What `[tool.hud]` of a folder's pyproject.toml declares."""
    path = folder / "pyproject.toml"
    if not path.is_file():
        return Sandbox(folder=folder.resolve())
    try:
        table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("hud", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise UserError(f"{path}: {exc}") from exc
    return Sandbox.declared(table, folder)


async def _build(
    engine: Containers, spec: ContainerSpec, folder: Path | None, progress: Progress | None
) -> None:
    if folder is None:
        raise UserError(
            f"`--build` builds a folder, and `{spec.image}` is none", hint="hud debug DIR --build"
        )
    await engine.build(BuildRequest(folder, tag=spec.image), progress)

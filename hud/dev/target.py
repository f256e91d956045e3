"""What a word on the command line names: a module of the author's, or an image. Nothing is
imported.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hud.errors import UserError

DOCKERFILES = ("Dockerfile.hud", "Dockerfile")
IN_CONTAINER = "HUD_IN_CONTAINER"
"""Variable that says whether this is a container, where that is seen wrongly."""
CONTAINER_MARKS = (".dockerenv", "run/.containerenv")
"""Files that engines put into containers; Kubernetes sets a variable instead."""
ENGINE_SOCKETS = ("var/run/docker.sock", "run/docker.sock")
NAME_HINT = "an image is named like my-env:latest, a module like env:env"

Kind = Literal["module", "docker", "command", "url"]
"""What serves: a module of this machine, a container, a command, or somebody else at a URL."""

_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?::[A-Za-z_]\w*)?")


@dataclass(frozen=True)
class Source:
    """What is to be served."""

    kind: Kind
    module: str | None = None
    """`module[:attribute]` or a file; None to look for one."""
    image: str | None = None
    command: tuple[str, ...] = ()
    url: str | None = None
    needs_engine: bool = False
    """Whether it is an error that there is no container engine."""


@dataclass(frozen=True)
class Surroundings:
    """Where the command runs."""

    folder: Path
    in_container: bool = False


def read_source(
    words: Sequence[str], url: str | None, docker: bool | None, around: Surroundings
) -> Source:
    """What `[module[:attribute]] [IMAGE] [-- COMMAND …]`, `--url` and `--docker` or `--no-docker`
    name.

    Raises:
        UserError: they contradict each other.
    """
    given, command = _split(words)
    if url is not None or command:
        if given or (url is not None and command):
            raise UserError("there is more than one thing to serve", hint="name one")
        return Source("url", url=url) if url is not None else Source("command", command=command)
    module, image = _named(given, around, docker=docker)
    by_itself = docker is None and not around.in_container and dockerfile_beside(around.folder)
    if image is not None or docker or by_itself:
        return Source("docker", module, image, needs_engine=image is not None or docker is True)
    return Source("module", module)


def _split(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words before and after `--`."""
    if "--" not in words:
        return tuple(words), ()
    at = list(words).index("--")
    return tuple(words[:at]), tuple(words[at + 1 :])


def _named(
    words: Sequence[str], around: Surroundings, *, docker: bool | None
) -> tuple[str | None, str | None]:
    """The module and the image among the words."""
    modules = [word for word in words if is_module(word, around.folder)]
    images = [word for word in words if word not in modules]
    if len(images) == 1 and not modules and (docker is False or around.in_container):
        modules, images = images, []
    if len(modules) > 1 or len(images) > 1:
        raise UserError(f"`{words[-1]}` is one name too many", hint=NAME_HINT)
    return next(iter(modules), None), next(iter(images), None)


def is_module(word: str, folder: Path) -> bool:
    """Whether a word names a module: a Python file, or what can be found by a dotted name; else it
    is an image's.
    """
    name = word.partition(":")[0]
    if name.endswith(".py"):
        return True
    if not looks_like_module(word):
        return False
    top = name.partition(".")[0]
    if (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file():
        return True
    if (folder / top).is_dir():
        return _holds(folder / top, name) or ":" not in word
    found = importlib.util.find_spec(top)
    return found is not None and found.origin is not None


def _holds(package: Path, name: str) -> bool:
    """Whether a folder without `__init__.py` has the module of a dotted name."""
    path = package.joinpath(*name.split(".")[1:])
    return path != package and (path.is_dir() or path.with_suffix(".py").is_file())


def looks_like_module(word: str) -> bool:
    """Whether a word could name a module, if there was one; `redis:latest` could as well."""
    return _MODULE.fullmatch(word) is not None


def dockerfile_beside(folder: Path) -> Path | None:
    """The Dockerfile from which a folder's image is built, if it has one."""
    return next((folder / name for name in DOCKERFILES if (folder / name).is_file()), None)


def is_in_container(variable: Callable[[str], str | None], root: Path = Path("/")) -> bool:
    """Whether this process is in a container that only runs it, as those of published images are.

    A container with an engine within reach is somebody's workplace, and counts as a machine.
    `variable` looks a variable of the environment up; the user's own word comes first.
    """
    if (said := variable(IN_CONTAINER)) is not None:
        return said.lower() not in ("0", "false", "no")
    if variable("DOCKER_HOST") or any((root / name).exists() for name in ENGINE_SOCKETS):
        return False
    if variable("KUBERNETES_SERVICE_HOST"):
        return True
    return any((root / name).exists() for name in CONTAINER_MARKS)

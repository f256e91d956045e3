"""An environment's folder as containers see it: what is built, what the image is called, and what
`[tool.hud]` of its `pyproject.toml` says.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hud.containers import Sandbox
from hud.containers.images.context import DOCKERFILES
from hud.containers.images.names import image_name, image_reference
from hud.errors import UserError
from hud.settings import variable

PROJECT_FILE = "pyproject.toml"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Project:
    """A folder with an environment that runs in containers."""

    folder: Path
    image: str
    """Name of the image, tag included."""
    sandbox: Sandbox
    variables: tuple[str, ...] = ()
    """Variables of this machine that its containers get; no other one enters them."""
    is_built: bool = False
    """Whether its image is there and taken as it is: another build could lack what that one got."""

    @property
    def has_dockerfile(self) -> bool:
        """Whether the image is built here; otherwise it has to exist."""
        return _has_dockerfile(self.folder)


def read_project(folder: Path, tag: str | None = None) -> Project:
    """The project in a folder. `tag` names its image, then `[tool.hud] image`, then the folder.

    Raises:
        UserError: `pyproject.toml` cannot be read, or declares what cannot be.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise UserError(f"`{folder}` is not a folder")
    table = _table(root)
    name = tag or _text(table, "image") or image_name(root.name)
    return Project(
        root, image_reference(name), Sandbox.declared(table, root), _variables(table, root)
    )


def find_project(source: Path) -> Project:
    """The project that a task file or folder belongs to: the nearest folder upwards that has a
    Dockerfile or a `pyproject.toml`.

    Raises:
        UserError: there is none, or it has neither a Dockerfile nor the name of an image.
    """
    start = source.resolve()
    for folder in (start, *start.parents):
        if _has_dockerfile(folder) or "image" in _table(folder):
            return read_project(folder)
        if (folder / PROJECT_FILE).is_file():
            break
    names = " nor a ".join(f"`{name}`" for name in DOCKERFILES)
    raise UserError(
        f"`{source}` belongs to no environment that runs in containers: there is neither a {names}",
        hint=f'write one, or name an image: `[tool.hud] image = "…"` in {PROJECT_FILE}',
    )


def _has_dockerfile(folder: Path) -> bool:
    return any((folder / name).is_file() for name in DOCKERFILES)


def _table(folder: Path) -> dict[str, Any]:
    path = folder / PROJECT_FILE
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("hud", {})
    except (OSError, ValueError) as error:
        raise UserError(f"`{path}` cannot be read: {error}") from error
    if not isinstance(table, dict):
        raise UserError(f"`tool.hud` in {path} is no table")
    return table


def _text(table: dict[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise UserError(f"`{key}` in [tool.hud] is no text: {value!r}")
    return value


def _variables(table: dict[str, Any], folder: Path) -> tuple[str, ...]:
    names = table.get("variables", [])
    if not isinstance(names, Sequence) or isinstance(names, str):
        raise UserError(f"`variables` in [tool.hud] of {folder} is no list of names")
    for name in names:
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise UserError(
                f"`variables` in [tool.hud] of {folder}: {name!r} is not the name of a variable",
                hint="a value belongs into the environment, not into the file",
            )
    return tuple(names)


def variables_of(project: Project, given: Mapping[str, str]) -> dict[str, str]:
    """What a project's containers get: what was given, and the declared variables of this machine.

    Raises:
        UserError: a declared variable has no value.
    """
    values = dict(given)
    for name in project.variables:
        if name in values:
            continue
        value = variable(name)
        if value is None:
            raise UserError(
                f"variable `{name}`, which [tool.hud] of {project.folder} declares, is not set",
                hint=f"export {name}=…",
            )
        values[name] = value
    return values

"""The template: a new environment from it, offline and all or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from hud.errors import UserError
from hud.task import SLUG_PATTERN

TEMPLATE_NAME = "letter-counter"
"""The template's own name, replaced by the new environment's wherever it stands."""
NAME_LENGTH = 63
"""What a host name holds, and so a container."""
LEFT_BEHIND = {"__pycache__", ".hud", ".venv", ".env"}
"""What running the template leaves in its folder."""


def make_environment(name: str, parent: Path) -> Path:
    """Copy the template to a folder in `parent`, with the name filled in, and return the folder.

    Raises:
        UserError: the name is no name, the folder is not empty, or `parent` cannot be written.
    """
    kebab = environment_name(name)
    folder = parent / kebab
    if not parent.is_dir():
        raise UserError(f"no folder `{parent}`", hint=f"mkdir -p {parent}")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UserError(f"`{folder}` exists already", hint="choose another name, or empty it first")
    try:
        with tempfile.TemporaryDirectory(dir=parent, prefix=f".{kebab}.") as half:
            _write_template(Path(half, kebab), kebab).rename(folder)
    except OSError as exc:
        raise UserError(f"cannot make `{folder}`: {exc.strerror or exc}") from exc
    return folder


def environment_name(text: str) -> str:
    """The kebab-case name that `text` means: `My_Env` is `my-env`.

    Raises:
        UserError: there is none.
    """
    path = Path(text)
    if path.name and path.name != text:
        hint = f"hud init {path.name} --dir {path.parent}"
        raise UserError(f"`{text}` is a path, not a name", hint=hint)
    kebab = text.lower().replace("_", "-").replace(" ", "-")
    if not SLUG_PATTERN.fullmatch(kebab):
        hint = "use letters, digits and single hyphens, like `my-env`"
        raise UserError(f"`{text}` is no name for an environment", hint=hint)
    if len(kebab) > NAME_LENGTH:
        message = f"the name has {len(kebab)} characters; at most {NAME_LENGTH} fit"
        raise UserError(message, hint="choose a shorter one")
    return kebab


def template_files(name: str) -> Iterator[tuple[Path, str]]:
    """Each file of the template: its path within the folder, and its text with `name` filled in."""
    template = _template()
    for path in sorted(template.rglob("*")):
        inside = path.relative_to(template)
        if path.is_file() and LEFT_BEHIND.isdisjoint(inside.parts):
            yield inside, path.read_text(encoding="utf-8").replace(TEMPLATE_NAME, name)


def _write_template(folder: Path, name: str) -> Path:
    for path, text in template_files(name):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def _template() -> Path:
    packaged = Path(__file__).parents[1] / "_template"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "env_template"

"""`hud convert`: a v4 task file as v5 JSON, and as the Python that it should become."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from hud.cli import console
from hud.convert.scaffold import scaffold as as_python
from hud.convert.v4 import as_json, as_json_lines, convert_file
from hud.environment.environment import normalise_name
from hud.errors import UserError


def convert(
    path: Annotated[Path, typer.Argument(help="The v4 task file, .json or .jsonl.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the tasks here; default: print.")
    ] = None,
    scaffold: Annotated[
        Path | None, typer.Option(help="Write a Python module with scenarios here, to go on from.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace files that exist.")] = False,
) -> None:
    """Turn a v4 task file into v5 JSON. Variables like ${HUD_API_KEY} stay as they are written."""
    tasks = convert_file(path)
    texts: dict[Path, str] = {}
    if scaffold is not None:
        texts[scaffold] = as_python(tasks, normalise_name(path.stem))
    if output is not None:
        texts[output] = as_json_lines(tasks) if output.suffix == ".jsonl" else as_json(tasks)
    for target in texts:
        _check_target(target, force)
    for target, text in texts.items():
        _write(target, f"{text.rstrip()}\n")
        console.note(f"✓ wrote {len(tasks)} {'task' if len(tasks) == 1 else 'tasks'} to {target}")
        console.note(f"→ hud eval {target}")
    if output is None:
        console.data(as_json(tasks))


def _check_target(path: Path, force: bool) -> None:
    if path.is_dir():
        raise UserError(f"`{path}` is a folder")
    if path.exists() and not force:
        raise UserError(f"`{path}` exists already", hint="choose another name, or add --force")


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            whole = Path(folder, path.name)
            whole.write_text(text, encoding="utf-8")
            whole.replace(path)
    except OSError as exc:
        raise UserError(f"cannot write `{path}`: {exc.strerror or exc}") from exc

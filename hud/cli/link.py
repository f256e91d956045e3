"""`hud link`: note which taskset and environment of the controller a folder belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hud.cli import console
from hud.cli.linked import FILE, link_to
from hud.client import Client
from hud.errors import UserError


def link(
    environment: Annotated[
        str | None, typer.Argument(help="An environment of the controller.")
    ] = None,
    folder: Annotated[Path, typer.Option("--dir", help="The folder to link.")] = Path(),
    taskset: Annotated[str | None, typer.Option(help="A taskset of the controller.")] = None,
) -> int:
    """Note which environment and taskset of the controller a folder belongs to."""
    names: dict[str, str] = {}
    with Client() as client:
        if environment is not None:
            names["environment"] = client.resolve(environment).name
        if taskset is not None:
            names["taskset"] = client.taskset(taskset).name
    if not names:
        raise UserError("nothing to link to", hint="hud link ENVIRONMENT --taskset TASKSET")
    link_to(folder, **names)
    console.note(f"✓ wrote {folder / FILE}")
    return 0

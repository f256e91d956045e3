"""`hud init NAME`: a new environment from the template."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hud.runtime.template import make_environment


def init(
    name: Annotated[str, typer.Argument(help="Name of the environment and of its folder.")],
    parent: Annotated[
        Path, typer.Option("--dir", "-d", metavar="PARENT", help="Where the folder is made.")
    ] = Path(),
) -> None:
    """Make a folder NAME with a small environment that works, to be changed into your own."""
    folder = make_environment(name, parent)
    typer.echo(f"✓ made {folder}/", err=True)
    typer.echo(f"→ cd {folder} && hud eval tasks.py oracle --full", err=True)

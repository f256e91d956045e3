"""Asking whoever sits at the terminal."""

from __future__ import annotations

import sys

import typer

from hud.cli import console
from hud.errors import UserError


def agreed(question: str, *, yes: bool) -> bool:
    """Whether the user agrees; with `yes` nobody is asked.

    Raises:
        UserError: nobody can be asked.
    """
    if yes:
        return True
    if not console.is_terminal(sys.stdin):
        raise UserError(f"{question} Nobody can be asked", hint="--yes agrees")
    return typer.confirm(question, err=True)

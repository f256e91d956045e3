"""`hud login`: there is nothing to log in to."""

from __future__ import annotations

from typing import Annotated

import typer

from hud.cli import console


def login(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing.")] = False,
) -> int:
    """Say that no account is needed: the controller on this machine is found by itself."""
    if not quiet:
        console.note("no account is needed: the controller on this machine is found by itself")
        console.note("→ ./scripts/up.sh starts it; HUD_API_URL and HUD_API_KEY name another one")
    return 0

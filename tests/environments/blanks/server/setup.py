"""Functions that prepare a task."""

from __future__ import annotations

from hud.tools.base import BaseHub

from . import shared

setup = BaseHub("setup")


@setup.tool("blanks")
async def blanks(count: int = 3) -> str:
    """Begin with so many blank squares."""
    names = [f"square-{number}" for number in range(1, count + 1)]
    return f"{shared.board.clear(names)} blank squares: {', '.join(names)}"

"""What published code may ask for and these tools do not have: an error that names it and the way
to go.
"""

from __future__ import annotations

from hud.errors import UserError


class LeftOut(UserError, ImportError):
    """The original has this; here it is left out on purpose."""


def left_out(name: str, instead: str) -> LeftOut:
    """The error for a name; `instead` says what to do."""
    return LeftOut(f"`{name}` is left out of hud-local", hint=instead)

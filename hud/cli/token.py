"""`hud token`: print the token that the controller asks for."""

from __future__ import annotations

from hud.cli import console
from hud.errors import UserError
from hud.settings import controller_token, get_settings


def token() -> None:
    """Print the token that the controller asks for, as `Authorization: Bearer TOKEN`."""
    found = controller_token()
    if found is None:
        path = get_settings().token_file
        raise UserError(
            f"there is no token in {path}: no controller was started here",
            hint="start it with ./scripts/up.sh, or set HUD_API_KEY",
        )
    console.data(found)

"""`hud set`: store secrets at the controller. No value is ever printed."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from hud.cli import console
from hud.client import Client
from hud.errors import UserError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def set_secrets(
    assignments: Annotated[
        list[str] | None,
        typer.Argument(metavar="K=V...", help="Secrets; of `K` alone, the value is asked for."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="K", help="Forget this secret.")
    ] = None,
) -> int:
    """Store secrets at the controller, which gives them to the environments that declare them.

    The value of `K` alone is asked for, or read from standard input. Without arguments, the names
    of the stored secrets are listed.
    """
    given = [_named(text) for text in assignments or ()]
    with Client() as client:
        if not given and not remove:
            for record in client.secrets():
                console.data(record.name)
            return 0
        if any(value is None for _, value in given):
            client.health()  # nobody types a secret for a controller that is not there
        for name, value in given:
            client.set_secret(name, _value(name, len(given)) if value is None else value)
            console.note(f"✓ {name} is stored")
        for name in remove or ():
            client.remove_secret(name)
            console.note(f"✓ {name} is forgotten")
    return 0


def _named(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not NAME.fullmatch(name):
        # What stands before the first `=` may be part of a secret that was quoted wrongly.
        raise UserError("a secret is given as NAME=VALUE, or as NAME", hint="hud set API_KEY")
    return name, value if equals else None


def _value(name: str, count: int) -> str:
    if console.is_terminal(sys.stdin):
        return str(typer.prompt(name, hide_input=True, err=True))
    if count > 1:
        raise UserError("standard input can hold the value of one secret only", hint="NAME=VALUE")
    value = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not value:
        raise UserError(f"there is no value for `{name}` on standard input")
    return value

"""Options that name a value: `K=V`, and secrets of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hud.errors import UserError
from hud.settings import variable

NoCache = Annotated[bool, typer.Option("--no-cache", help="Run every step again.")]
BuildArgs = Annotated[
    list[str] | None,
    typer.Option("--build-arg", metavar="K=V", help="Argument of the Dockerfile; public."),
]
BuildSecrets = Annotated[
    list[str] | None,
    typer.Option("--secret", metavar="id=ID,env=NAME", help="Secret for RUN --mount; or src="),
]


def pair(option: str, text: str) -> tuple[str, str]:
    """Name and value of `K=V`, or of `K` whose value is this machine's.

    Raises:
        UserError: it is neither, or has no value here.
    """
    name, equals, value = text.partition("=")
    if not name:
        raise UserError(f"`{option} {text}` is not of the form K=V")
    return name, value if equals else _value_here(name, f"{option} {name}=VALUE")


def _value_here(name: str, hint: str) -> str:
    found = variable(name)
    if found is None:
        raise UserError(f"variable `{name}` has no value here", hint=hint)
    return found


def pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    """Names and values of a repeated option; see `pair`."""
    return dict(pair(option, text) for text in texts or ())


def build_secrets(texts: list[str] | None) -> dict[str, str]:
    """Ids and values of a repeated option; see `build_secret`."""
    return dict(build_secret(text) for text in texts or ())


def build_secret(text: str) -> tuple[str, str]:
    """Id and value of `id=ID,env=NAME` or `id=ID,src=FILE`.

    Raises:
        UserError: it is neither, or the value cannot be read.
    """
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    source = parts.get("src") or parts.get("source")
    if not parts.get("id") or parts.keys() - {"id", "env", "src", "source", "type"}:
        raise UserError(f"`--secret {text}` is not of the form id=ID,env=NAME or id=ID,src=FILE")
    if source is None:
        name = parts.get("env") or parts["id"]
        return parts["id"], _value_here(name, f"export {name}=…")
    try:
        return parts["id"], Path(source).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the secret `{parts['id']}` cannot be read: {error}") from error

"""What commands print: data on standard output, everything else on standard error. Readable without colour."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TextIO

import click


def data(text: str) -> None:
    """Print a command's result."""
    click.echo(text)


def note(text: str) -> None:
    """Print a remark."""
    click.echo(_clean(text), err=True)


def fail(message: str, *, hint: str | None = None, detail: str | None = None) -> None:
    """Print an error: longer evidence first, then the line, then the next command."""
    if detail:
        click.echo(_clean(detail.rstrip()), err=True)
    click.echo(f"{_styled('error:', 'red')} {_clean(message)}", err=True)
    if hint:
        click.echo(f"{_styled('hint:', 'cyan')} {_clean(hint)}", err=True)


def warn(message: str) -> None:
    """Print a warning."""
    click.echo(f"{_styled('warning:', 'yellow')} {_clean(message)}", err=True)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person is at the other end."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _styled(text: str, colour: str) -> str:
    return text if "NO_COLOR" in os.environ or not is_terminal(sys.stderr) else click.style(text, fg=colour, bold=True)


def _clean(text: str) -> str:
    """Text without control characters and direction marks, which foreign text may carry."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf"))


def plain(text: str) -> None:
    """Print foreign text as a command's result, without control characters."""
    click.echo(_clean(text))

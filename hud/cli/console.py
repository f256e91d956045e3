"""What commands print: data on standard output, everything else on standard error. Readable without
colour.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TextIO

RED, YELLOW, CYAN = 31, 33, 36


def data(text: str) -> None:
    """Print a command's result."""
    print(text, flush=True)


def note(text: str) -> None:
    """Print a remark."""
    _tell(clean(text))


def fail(message: str, *, hint: str | None = None, detail: str | None = None) -> None:
    """Print an error: longer evidence first, then the line, then the next command."""
    if detail:
        _tell(clean(detail.rstrip()))
    _tell(f"{_styled('error:', RED)} {clean(message)}")
    if hint:
        _tell(f"{_styled('hint:', CYAN)} {clean(hint)}")


def warn(message: str) -> None:
    """Print a warning."""
    _tell(f"{_styled('warning:', YELLOW)} {clean(message)}")


def is_terminal(stream: TextIO) -> bool:
    """Whether a person is at the other end."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _styled(text: str, colour: int) -> str:
    plain_text = "NO_COLOR" in os.environ or not is_terminal(sys.stderr)
    return text if plain_text else f"\x1b[1;{colour}m{text}\x1b[0m"


def clean(text: str) -> str:
    """Text without control characters, direction marks and half characters, which foreign text may
    carry.
    """
    return "".join(
        char
        for char in text
        if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )


def plain(text: str) -> None:
    """Print foreign text as a command's result, without control characters."""
    print(clean(text), flush=True)

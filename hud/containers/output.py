"""What containers and builds print: bounded, and safe to show. Not for the protocol on a
container's stdout.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, clipboard and hyperlinks (OSC)
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # device control and other strings
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movement (CSI)
    r"|\x1b[ -/]*[0-~]"
)
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LINE_LIMIT = 2000
"""Characters of one line that are shown."""


def printable(text: str) -> str:
    """The text without terminal escapes, control characters and direction overrides, each line cut
    at a bound.
    """
    clean = _UNSAFE.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return "\n".join(
        line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]}…" for line in clean.split("\n")
    )


class Tail:
    """The last bytes of a stream; older ones are forgotten."""

    def __init__(self, limit: int = 64 * 1024) -> None:
        self.limit = limit
        self._data = bytearray()

    def append(self, chunk: bytes) -> None:
        self._data += chunk
        if len(self._data) > 2 * self.limit:
            del self._data[: -self.limit]

    def text(self) -> str:
        """What is kept, printable."""
        return printable(bytes(self._data[-self.limit :]).decode(errors="replace"))

    def lines(self, count: int) -> list[str]:
        """The last lines that are not empty."""
        return [line for line in self.text().split("\n") if line.strip()][-count:]


class Head:
    """The first bytes of a stream; later ones are counted and dropped."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.data = bytearray()
        self.dropped = 0

    def append(self, chunk: bytes) -> None:
        kept = chunk[: max(0, self.limit - len(self.data))]
        self.data += kept
        self.dropped += len(chunk) - len(kept)

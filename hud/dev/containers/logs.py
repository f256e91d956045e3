"""What containers print, line by line for the terminal."""

from __future__ import annotations

import asyncio

from hud.containers.output import Tail
from hud.dev.backend import LineSink

LOOK_SECONDS = 0.2
OVERLAP = 2000
"""Characters by which what was read before is found again."""


class TailReader:
    """Reads what is added to the end of a stream, of which only the last part is kept."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._read = ""

    def read(self) -> list[str]:
        """The whole lines that have come since it was read last."""
        text = self._tail.text()
        whole = text[: text.rfind("\n") + 1]
        news = whole[_length_known(self._read, whole) :]
        self._read = whole
        return news.splitlines()


def _length_known(before: str, now: str) -> int:
    """How much of a text was there before, when it may have lost its beginning since."""
    if now.startswith(before):
        return len(before)
    known = before[-OVERLAP:]
    at = now.rfind(known)
    return at + len(known) if at >= 0 else 0


async def follow(tail: Tail, log: LineSink) -> None:
    """Hand over what comes, until cancelled."""
    reader = TailReader(tail)
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for line in reader.read():
                log(line)
    finally:
        for line in reader.read():
            log(line)

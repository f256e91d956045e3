"""This process's standard input and output, where they belong to a protocol."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

CHUNK = 256 * 1024


@contextmanager
def claimed_streams() -> Iterator[tuple[int, int]]:
    """Private duplicates of standard input and output; whatever else this process prints goes to
    standard error.
    """
    source, sink = os.dup(0), os.dup(1)
    empty = os.open(os.devnull, os.O_RDONLY)
    try:
        sys.stdout.flush()
        os.dup2(empty, 0)
        os.dup2(2, 1)
        yield source, sink
    finally:
        sys.stdout.flush()
        os.dup2(sink, 1)
        os.dup2(source, 0)
        os.close(empty)


async def read_lines(source: int) -> AsyncIterator[bytes]:
    """The lines of a pipe, a terminal or a file."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def pump() -> None:
        chunk = b"-"
        while chunk:
            chunk = os.read(source, CHUNK)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)

    threading.Thread(target=pump, daemon=True).start()
    rest: list[bytes] = []
    while chunk := await chunks.get():
        *lines, last = chunk.split(b"\n")
        for line in lines:
            yield b"".join([*rest, line])
            rest.clear()
        rest.append(last)

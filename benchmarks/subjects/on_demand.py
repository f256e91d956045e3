"""How a subject is driven: `COUNT CONCURRENCY` on standard input, seconds on standard output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable


async def serve(batch: Callable[[int, int], Awaitable[None]]) -> None:
    """Play `batch(count, concurrency)` for each line, until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    while line := await asyncio.to_thread(sys.stdin.readline):
        count, concurrency = map(int, line.split())
        started = time.perf_counter()
        await batch(count, concurrency)
        answers.write(json.dumps(time.perf_counter() - started) + "\n")
        answers.flush()


async def at_a_time(play: Callable[[], Awaitable[None]], count: int, concurrency: int) -> None:
    """Await `play()` that often, at most `concurrency` of them at a time."""
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            await play()

    await asyncio.gather(*(work() for _ in range(min(count, concurrency))))

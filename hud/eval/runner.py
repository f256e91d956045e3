"""Runs many rollouts, some at a time, and hands over each outcome as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator

from hud.eval.rollout import Outcome, Rollout, run_rollout
from hud.runtime.runtime import Runtime

QUEUE_SIZE = 64
"""Outcomes that may wait for their reader."""


async def run_rollouts(
    rollouts: Iterable[Rollout], runtime: Runtime, *, concurrency: int
) -> AsyncGenerator[Outcome, None]:
    """Run rollouts, at most `concurrency` at a time, and yield each outcome as it ends.

    `rollouts` is read lazily, so that memory does not grow with their number. Closing the iterator,
    or an exception in it, cancels what is running and waits until it is cleaned up.

    Raises:
        UserError: a task cannot run at all.
    """
    waiting = iter(rollouts)
    outcomes: asyncio.Queue[Outcome | BaseException | None] = asyncio.Queue(QUEUE_SIZE)
    workers = [asyncio.create_task(_work(waiting, runtime, outcomes)) for _ in range(concurrency)]
    try:
        running = len(workers)
        while running:
            item = await outcomes.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _work(
    waiting: Iterator[Rollout],
    runtime: Runtime,
    outcomes: asyncio.Queue[Outcome | BaseException | None],
) -> None:
    """Run one rollout after another until none is left; hand over an exception instead of raising
    it.
    """
    try:
        for rollout in waiting:
            await outcomes.put(await run_rollout(rollout, runtime))
        await outcomes.put(None)
    except Exception as exc:  # noqa: BLE001 - raised again where the outcomes are read
        await outcomes.put(exc)

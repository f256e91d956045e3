"""Runs many rollouts, some at a time, and hands over each outcome as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext

from hud.eval.rollout import Outcome, Rollout, run_rollout, unplayed
from hud.runtime.runtime import Runtime

QUEUE_SIZE = 64
"""Outcomes that may wait for their reader."""


class Controls:
    """Cancels single rollouts while others go on."""

    def __init__(self) -> None:
        self._unwanted: set[str] = set()
        self._running: dict[str, asyncio.Task[Outcome]] = {}

    def cancel(self, rollout_id: str) -> None:
        """Have a rollout end as cancelled, now or when its turn comes."""
        self._unwanted.add(rollout_id)
        if rollout_id in self._running:
            self._running[rollout_id].cancel()

    async def run(self, rollout: Rollout, runtime: Runtime) -> Outcome:
        """Run one rollout in a task of its own, so that it can be cancelled alone.

        Raises:
            asyncio.CancelledError: not the rollout was cancelled but who waits for it.
        """
        if rollout.id in self._unwanted:
            return unplayed(rollout)
        running = run_rollout(rollout, runtime, lambda: rollout.id in self._unwanted)
        task = self._running[rollout.id] = asyncio.create_task(running)
        try:
            return await task
        except asyncio.CancelledError:
            # A task that is cancelled before its first step never runs at all.
            if task.cancelled() and rollout.id in self._unwanted:
                return unplayed(rollout)
            raise
        finally:
            del self._running[rollout.id]
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def run_rollouts(
    rollouts: Iterable[Rollout],
    runtime: Runtime,
    *,
    concurrency: int,
    controls: Controls | None = None,
    slots: asyncio.Semaphore | None = None,
) -> AsyncGenerator[Outcome, None]:
    """Run rollouts, at most `concurrency` at a time, and yield each outcome as it ends.

    `rollouts` is read lazily, so that memory does not grow with their number. Closing the iterator,
    or an exception in it, cancels what is running and waits until it is cleaned up. `controls`
    cancel single ones; a rollout that `slots` have no room for waits before it begins.

    Raises:
        UserError: a task cannot run at all.
    """
    waiting = iter(rollouts)
    outcomes: asyncio.Queue[Outcome | BaseException | None] = asyncio.Queue(QUEUE_SIZE)
    player = _Player(runtime, controls, slots or nullcontext())
    workers = [asyncio.create_task(_work(waiting, player, outcomes)) for _ in range(concurrency)]
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


class _Player:
    """How one rollout after another is run."""

    def __init__(
        self,
        runtime: Runtime,
        controls: Controls | None,
        slots: AbstractAsyncContextManager[None],
    ) -> None:
        self._runtime = runtime
        self._controls = controls
        self._slots = slots

    async def play(self, rollout: Rollout) -> Outcome:
        async with self._slots:
            if self._controls is None:
                return await run_rollout(rollout, self._runtime)
            return await self._controls.run(rollout, self._runtime)


async def _work(
    waiting: Iterator[Rollout],
    player: _Player,
    outcomes: asyncio.Queue[Outcome | BaseException | None],
) -> None:
    """Run one rollout after another until none is left; hand over an exception instead of raising
    it.
    """
    try:
        for rollout in waiting:
            await outcomes.put(await player.play(rollout))
        await outcomes.put(None)
    except Exception as exc:  # noqa: BLE001 - raised again where the outcomes are read
        await outcomes.put(exc)

"""Many rollouts: some at a time, outcomes as they end, nothing left when the reader stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from hud import Task
from hud.errors import UserError
from hud.eval.context import EvalContext
from hud.eval.rollout import Rollout
from hud.eval.runner import QUEUE_SIZE, run_rollouts
from hud.runtime.local import LocalInstance, LocalRuntime
from tests.hud.eval.conftest import letters, strawberry

pytestmark = pytest.mark.anyio


class Counted(LocalRuntime):
    """Counts the instances that it started and that are running."""

    def __init__(self) -> None:
        super().__init__()
        self.started = self.running = self.most = 0

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[LocalInstance]:
        self.started += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            async with super().start(task, seed=seed) as instance:
                yield instance
        finally:
            self.running -= 1


def rollouts(play: Any, count: int, task: Task | None = None) -> Iterator[Rollout]:
    chosen = task or strawberry()
    return (Rollout("job", chosen, "mine", index, play) for index in range(count))


async def pause(ctx: EvalContext) -> None:
    await asyncio.sleep(0)


async def hold(ctx: EvalContext) -> None:
    await asyncio.sleep(600)


async def test_every_rollout_has_one_outcome_and_no_more_run_than_asked_for() -> None:
    runtime = Counted()
    outcomes = [item async for item in run_rollouts(rollouts(pause, 20), runtime, concurrency=4)]
    assert sorted(outcome.record.index for outcome in outcomes) == list(range(20))
    assert (runtime.most, runtime.running) == (4, 0)
    await runtime.aclose()


async def test_outcomes_come_as_they_end() -> None:
    async def play(ctx: EvalContext) -> None:
        await asyncio.sleep(0.01 * (3 - ctx.index))

    runtime = Counted()
    ended = run_rollouts(rollouts(play, 3), runtime, concurrency=3)
    assert [outcome.record.index async for outcome in ended] == [2, 1, 0]
    await runtime.aclose()


async def test_a_reader_that_stops_ends_what_runs() -> None:
    async def play(ctx: EvalContext) -> None:
        await asyncio.sleep(600 if ctx.index else 0)

    runtime = Counted()
    async with aclosing(run_rollouts(rollouts(play, 5), runtime, concurrency=5)) as outcomes:
        assert (await anext(outcomes)).record.index == 0
        assert runtime.running == 4
    assert runtime.running == 0
    await runtime.aclose()


async def test_a_cancelled_reader_ends_what_runs() -> None:
    runtime, all_run = Counted(), asyncio.Barrier(6)

    async def play(ctx: EvalContext) -> None:
        await all_run.wait()
        await asyncio.sleep(600)

    async def read() -> None:
        async with aclosing(run_rollouts(rollouts(play, 5), runtime, concurrency=5)) as outcomes:
            await anext(outcomes)

    reading = asyncio.create_task(read())
    await asyncio.wait_for(all_run.wait(), 5)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(reading, 5)
    assert runtime.running == 0
    await runtime.aclose()


async def test_a_task_that_cannot_run_at_all_ends_everything() -> None:
    runtime = Counted()
    stranger = rollouts(pause, 1, Task(env="else", scenario="count", args={}))
    waiting = [*rollouts(hold, 2, letters()("count", word="x", letter="x")), *stranger]
    with pytest.raises(UserError, match="needs the environment `else`"):
        async for _ in run_rollouts(waiting, runtime, concurrency=3):
            pass
    assert runtime.running == 0
    await runtime.aclose()


async def test_a_slow_reader_slows_the_rollouts_down() -> None:
    runtime = Counted()
    async with aclosing(run_rollouts(rollouts(pause, 500), runtime, concurrency=2)) as outcomes:
        await anext(outcomes)
        for _ in range(5000):
            await asyncio.sleep(0)
        assert runtime.started < QUEUE_SIZE + 10
    await runtime.aclose()

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
from hud.eval.runner import QUEUE_SIZE, Controls, run_rollouts
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


async def test_a_rollout_is_cancelled_alone_while_it_runs_or_before() -> None:
    controls, runtime, began = Controls(), Counted(), asyncio.Event()

    async def play(ctx: EvalContext) -> None:
        if ctx.index == 0:
            began.set()
            await hold(ctx)

    running = run_rollouts(rollouts(play, 3), runtime, concurrency=1, controls=controls)
    gathering = asyncio.ensure_future(_statuses(running))
    await began.wait()
    ids = [rollout.id for rollout in rollouts(play, 3)]
    controls.cancel(ids[2])
    controls.cancel(ids[0])
    assert await gathering == {ids[0]: "cancelled", ids[1]: "scored", ids[2]: "cancelled"}
    assert (runtime.started, runtime.running) == (2, 0)
    await runtime.aclose()


async def _statuses(outcomes: Any) -> dict[str, str]:
    return {outcome.record.id: outcome.record.status async for outcome in outcomes}


async def test_what_a_cancelled_rollout_did_is_kept_without_a_reward() -> None:
    controls, runtime, began = Controls(), Counted(), asyncio.Event()

    async def play(ctx: EvalContext) -> None:
        began.set()
        await hold(ctx)

    (rollout,) = rollouts(play, 1)
    ending = asyncio.ensure_future(controls.run(rollout, runtime))
    await began.wait()
    controls.cancel(rollout.id)
    outcome = await ending
    assert (outcome.record.status, outcome.record.reward) == ("cancelled", None)
    assert [step.name for step in outcome.transcript.steps] == ["setup"]
    await runtime.aclose()


async def test_evaluations_that_share_slots_wait_for_each_other() -> None:
    runtime, slots = Counted(), asyncio.Semaphore(2)
    several = [
        _statuses(run_rollouts(rollouts(pause, 6), runtime, concurrency=4, slots=slots))
        for _ in range(3)
    ]
    await asyncio.gather(*several)
    assert (runtime.started, runtime.most) == (18, 2)
    await runtime.aclose()

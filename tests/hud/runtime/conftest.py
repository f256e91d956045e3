"""What tests of runtimes share: playing a source's tasks, each in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hud import Task
from hud.eval.context import EvalContext
from hud.eval.rollout import Outcome, Rollout, run_rollout
from hud.runtime.worker import Isolation, Source, WorkerRuntime
from tests.command import ROOT

EXAMPLES = ROOT / "tests/examples"
Play = Callable[[EvalContext], Awaitable[Any]]


async def nothing(ctx: EvalContext) -> None:
    """Answers nothing."""


@asynccontextmanager
async def loaded(
    source: Path, *, task_ids: list[str] | None = None, **options: Any
) -> AsyncIterator[tuple[WorkerRuntime, list[Task]]]:
    """A worker runtime with the tasks of a source."""
    arguments = {"source": str(source), "task_ids": task_ids}
    runtime = WorkerRuntime(Source("hud.eval.taskset:collect_runnable", arguments), **options)
    try:
        yield runtime, await runtime.load()
    finally:
        await runtime.aclose()


async def outcomes(
    source: Path,
    slugs: list[str],
    *,
    isolation: Isolation = "fork",
    timeout: float | None = None,
    memory: int = 0,
) -> dict[str, Outcome]:
    """How these tasks end when all of them run at the same time."""
    async with loaded(source, task_ids=slugs, isolation=isolation, memory=memory) as (
        runtime,
        tasks,
    ):
        return await play_all(runtime, tasks, timeout=timeout)


async def play_all(
    runtime: WorkerRuntime, tasks: list[Task], play: Play = nothing, timeout: float | None = None
) -> dict[str, Outcome]:
    """The outcomes of rollouts that run at the same time, by slug."""
    rollouts = [Rollout("job", task, "nop", 0, play, timeout=timeout) for task in tasks]
    ended = await asyncio.gather(*(run_rollout(rollout, runtime) for rollout in rollouts))
    return {outcome.record.task: outcome for outcome in ended}


def is_running(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


async def all_ended(pids: list[int]) -> bool:
    """Whether all processes end within a few seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while any(map(is_running, pids)):  # noqa: ASYNC110 - they are not our children
                await asyncio.sleep(0.01)
    return not any(map(is_running, pids))


def left_behind(outcome: Outcome) -> list[int]:
    """The processes that the rollout says it left."""
    lines = outcome.transcript.log.splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith("left:")]

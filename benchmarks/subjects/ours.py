"""Our rollouts, as `hud eval` runs them: `ours.py fork|shared TASKS [BASE_URL]`; without a URL
there is no model.
"""

from __future__ import annotations

import asyncio
import sys

from on_demand import serve

from hud.agents.catalog import create_agent
from hud.eval.context import EvalContext
from hud.eval.rollout import Play, Rollout
from hud.eval.runner import run_rollouts
from hud.eval.taskset import collect
from hud.runtime.local import LocalRuntime
from hud.runtime.runtime import Runtime
from hud.runtime.worker import Source, WorkerRuntime
from hud.settings import machine_memory
from hud.task import Task


async def load(isolation: str, source: str) -> tuple[Runtime, list[Task]]:
    """The tasks, and the runtime that isolates their rollouts as asked."""
    if isolation == "shared":
        return LocalRuntime(), collect(source)
    runtime = WorkerRuntime(
        Source("hud.eval.taskset:collect", {"source": source}), memory=machine_memory() // 2
    )
    return runtime, await runtime.load()


async def call_the_tool(context: EvalContext) -> None:
    """Play as a model would, without one."""
    arguments = context.task.args or {}
    counted = await context.call_tool(
        "count_letter", text=arguments["word"], letter=arguments["letter"]
    )
    await context.submit(counted.text)


def agent(base_url: str) -> Play:
    """An agent that asks the model there."""
    player = create_agent("openai_compatible", base_url=base_url, api_key="none", model="instant")

    async def play(context: EvalContext) -> None:
        await player.run(context)

    return play


async def main(isolation: str, source: str, base_url: str | None = None) -> None:
    """Serve until standard input ends."""
    runtime, tasks = await load(isolation, source)
    play = agent(base_url) if base_url else call_the_tool

    async def batch(count: int, concurrency: int) -> None:
        rollouts = (
            Rollout("benchmark", tasks[0], "benchmark", index, play) for index in range(count)
        )
        async for outcome in run_rollouts(rollouts, runtime, concurrency=min(count, concurrency)):
            if outcome.record.reward != 1.0:
                raise SystemExit(f"a rollout did not succeed: {outcome.record}")

    try:
        await serve(batch)
    finally:
        await runtime.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""The original's rollouts, in one process: `original.py TASKS [BASE_URL]`, run by the original's
own interpreter.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from hud.cli.utils.collect import collect_tasks
from on_demand import at_a_time, serve

import hud
from hud.datasets.runner import run_dataset


async def call_the_tool(task: Any) -> None:
    """Play as a model would, without one."""
    async with hud.eval(task, quiet=True) as context:
        await context.call_tool("count_letter", text=task.args["word"], letter=task.args["letter"])
        await context.submit("3")
    assert context.reward == 1.0, context.error


async def main(source: str, base_url: str | None = None) -> None:
    """Serve until standard input ends."""
    task: Any = next(task for task in collect_tasks(source) if task.slug == "strawberry-r")
    options = {"base_url": base_url, "api_key": "none", "model": "instant"}

    async def batch(count: int, concurrency: int) -> None:
        if base_url is None:
            await at_a_time(lambda: call_the_tool(task), count, concurrency)
            return
        played = await run_dataset(
            [task],
            "openai_compatible",
            agent_params=options,
            max_concurrent=concurrency,
            group_size=count,
        )
        assert len(played) == count
        assert all(context.reward == 1.0 for context in played)

    await serve(batch)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(sys.argv[1]).parent))
    asyncio.run(main(*sys.argv[1:]))

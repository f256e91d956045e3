"""What containers cost: building with only env.py changed, the way from an image to the first tool
call, and rollouts in containers of their own, with some started ahead and without.

The environment is the template. In the rollouts an agent thinks for a while, calls a tool and
answers; what it waits is part of the figures, as it hides the start of the next container.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

from measuring.processes import environment, run
from measuring.table import Goal, Row, introduce, show

from hud import Environment, Task
from hud.cli.init import make_environment
from hud.eval.context import EvalContext
from hud.eval.rollout import Rollout
from hud.eval.runner import run_rollouts
from hud.runtime.contained import ContainerRuntime
from hud.runtime.project import read_project

NAME = "hud-bench"
IMAGE = f"{NAME}:latest"
THINKING = 2.0
"""Seconds that an agent takes for its turn."""
CONCURRENCY = max(2, os.cpu_count() or 1)
BARE = "`docker run` of an empty command"
AHEAD, ON_DEMAND = "some started ahead", "each started when it is needed"


def main() -> None:
    """Measure and print the table."""
    options = _options()
    introduce()
    with tempfile.TemporaryDirectory() as parent:
        folder = make_environment(NAME, Path(parent))
        builds = build(folder, options.repeats)
        rows = [*builds, *asyncio.run(first_call(options.repeats))]
        rows += asyncio.run(rollouts(folder, options.rollouts, max(1, options.repeats // 2)))
    subprocess.run(["docker", "image", "rm", "--force", IMAGE], check=False, capture_output=True)
    show(f"containers, {options.repeats} of each, {CONCURRENCY} rollouts at a time", rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=6, help="builds and first calls")
    parser.add_argument("--rollouts", type=int, default=12, help="rollouts of one batch")
    parser.add_argument("--original", action="store_true", help="has no meaning here")
    return parser.parse_args()


def build(folder: Path, repeats: int) -> list[Row | str]:
    """`hud build` from nothing cached, after a change of env.py, and unchanged."""
    command, home = (sys.executable, "-m", "hud", "build", str(folder)), folder.parent
    env = environment(home)
    first = run(command, home, env).seconds
    changed, unchanged = [], []
    for number in range(repeats):
        source = folder / "env.py"
        source.write_text(f"{source.read_text()}\n# {number}\n")
        changed.append(run(command, home, env).seconds)
        unchanged.append(run(command, home, env).seconds)
    return [
        "`hud build`, the command as a whole",
        Row("the first one, packages included", "s", [first]),
        Row("only env.py has changed", "s", changed, goal=Goal(6.0)),
        Row("nothing has changed", "s", unchanged, goal=Goal(1.0)),
    ]


async def first_call(repeats: int) -> list[Row | str]:
    """From an image to the answer of the first tool call."""
    bare, connected = [], []
    for _ in range(repeats):
        bare.append(_bare_start())
        started = time.perf_counter()
        async with Environment("bench").connect_image(IMAGE) as env:
            await env.call_tool("count_letter", text="strawberry", letter="r")
            connected.append(time.perf_counter() - started)
    reference = Row(BARE, "s", bare)
    return [
        "image → first tool call",
        reference,
        Row("`connect_image`, one tool call", "s", connected, reference=reference, goal=Goal(3.0)),
    ]


def _bare_start() -> float:
    started = time.perf_counter()
    command = ["docker", "run", "--rm", "--network=none", IMAGE, "true"]
    subprocess.run(command, check=True, timeout=60)
    return time.perf_counter() - started


async def rollouts(folder: Path, count: int, repeats: int) -> list[Row | str]:
    """Rollouts of an agent that takes its time, by turns with a pool of containers and without."""
    seconds: dict[str, list[float]] = {ON_DEMAND: [], AHEAD: []}
    for _ in range(repeats):
        for name, ahead in ((ON_DEMAND, 0), (AHEAD, None)):
            seconds[name].append(await batch(folder, count, ahead) / count)
    reference = Row(ON_DEMAND, "s", seconds[ON_DEMAND])
    goal = Goal(0.85, is_ratio=True)
    per_second = {name: 1 / min(taken) for name, taken in seconds.items()}
    return [
        f"a rollout, of batches of {count}, whose agent thinks {THINKING:g} s:"
        f" {per_second[ON_DEMAND]:.2f} rollouts/s on demand, {per_second[AHEAD]:.2f} with the pool",
        reference,
        Row(AHEAD, "s", seconds[AHEAD], reference=reference, goal=goal),
    ]


async def batch(folder: Path, count: int, ahead: int | None) -> float:
    """Seconds that so many rollouts take once the runtime is open."""
    runtime = ContainerRuntime(read_project(folder), run="bench", ahead=ahead)
    task = Task(env=NAME, scenario="count", args={"word": "strawberry", "letter": "r"})
    try:
        await runtime.open()
        await runtime.expect([task], count)
        started = time.perf_counter()
        outcomes = run_rollouts(_planned(task, count), runtime, concurrency=CONCURRENCY)
        async with aclosing(outcomes) as ended:
            rewards = [outcome.record.reward async for outcome in ended]
        taken = time.perf_counter() - started
    finally:
        await runtime.aclose()
    if rewards != [1.0] * count:
        raise SystemExit(f"not every rollout succeeded: {rewards}")
    return taken


def _planned(task: Task, count: int) -> Iterator[Rollout]:
    return (Rollout("bench", task, "agent", index, think) for index in range(count))


async def think(ctx: EvalContext) -> None:
    """Play one rollout."""
    await asyncio.sleep(THINKING)
    counted = await ctx.call_tool("count_letter", text="strawberry", letter="r")
    await ctx.submit(counted.text)


if __name__ == "__main__":
    main()

"""Ready-made tools by `env.call_tool`: a bash round trip, an edit, a read of 1,000 lines, and the
overhead of a call, against the original's tools of the same names.

With `--child` it is what is measured, run by each SDK's own interpreter; it prints its samples.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring.original import QUIET, VERSION, original
from measuring.processes import environment
from measuring.table import Goal, Row, introduce, show

LINES = 1000
ROUNDS = 3
"""How often ours and the original's take turns."""
HERE, THERE = "here", f"hud-python {VERSION}"

Step = Callable[[int], Awaitable[Any]]
Samples = Mapping[str, Sequence[float]]


def main() -> None:
    """Measure and print the table."""
    options = _options()
    if options.child:
        print(json.dumps(asyncio.run(measure(Path(options.child), options.repeats))))
        return
    introduce()
    its_python = original() if options.original else None
    measured = by_turns(options.repeats, its_python)
    show(f"calls of tools, {options.repeats} of each in {ROUNDS} turns", rows(measured))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=60, help="calls of each tool")
    parser.add_argument("--original", action="store_true", help=f"measure hud-python {VERSION} too")
    parser.add_argument("--child", metavar="FOLDER", help=argparse.SUPPRESS)
    return parser.parse_args()


def by_turns(repeats: int, its_python: Path | None) -> dict[str, Samples]:
    """Milliseconds of each call, by SDK and by what was called."""
    subjects: dict[str, tuple[str, Mapping[str, str]]] = {HERE: (sys.executable, {})}
    if its_python is not None:
        subjects = {THERE: (str(its_python), QUIET), **subjects}
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in subjects}
    for _ in range(ROUNDS):
        for name, (python, variables) in subjects.items():
            for what, samples in samples_of(python, variables, repeats // ROUNDS).items():
                found[name][what] += samples
    return {name: dict(samples) for name, samples in found.items()}


def samples_of(python: str, variables: Mapping[str, str], repeats: int) -> dict[str, list[float]]:
    """What a fresh interpreter measures in a fresh folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder)
        argv = (python, __file__, "--child", name, "--repeats", str(repeats))
        done = asyncio.run(_output(argv, {**environment(folder), **variables}))
    found: dict[str, list[float]] = json.loads(done.splitlines()[-1])
    return found


async def _output(argv: Sequence[str], variables: Mapping[str, str]) -> str:
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=quiet, env=variables
    )
    said, _ = await process.communicate()
    if process.returncode:
        sys.exit(f"{argv[0]} ended with status {process.returncode}")
    return said.decode()


def _fill(folder: Path) -> None:
    """A file to edit and to read, for everybody: the original gives up root's rights."""
    file = folder / "lines.txt"
    lines = [f"line {number} of a file\n" for number in range(LINES - 1)]
    file.write_text("".join([*lines, "mark 0 end\n"]))
    os.chmod(folder, 0o777)
    os.chmod(file, 0o666)


def rows(measured: Mapping[str, Samples]) -> list[Row | str]:
    """For each call a heading, the original's row as the reference, and ours."""
    table: list[Row | str] = []
    for what, ours in measured[HERE].items():
        table.append(what)
        reference = None
        if THERE in measured:
            reference = Row(THERE, "ms", measured[THERE][what])
            table.append(reference)
        goal = Goal(1, is_ratio=True) if reference else None
        table.append(Row(HERE, "ms", ours, reference=reference, goal=goal))
    return table


def tools(folder: Path) -> Any:
    """An environment with the tools, and one that does nothing."""
    from hud import Environment  # noqa: PLC0415 - ours or the original's, as the interpreter has it
    from hud.tools import BashTool, EditTool, ReadTool  # noqa: PLC0415 - as above

    env = Environment("benchmark")
    for tool in (BashTool(), EditTool(), ReadTool(base_path=str(folder))):
        env.add_tool(tool)

    @env.tool()
    async def nothing(text: str) -> str:
        return text

    return env


async def measure(folder: Path, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each call, by what was called; the first of each does not count."""
    logging.disable(logging.CRITICAL)
    file, env = folder / "lines.txt", tools(folder)

    def edit(number: int) -> Awaitable[Any]:
        change = {"old_str": f"mark {number} ", "new_str": f"mark {number + 1} "}
        called: Awaitable[Any] = env.call_tool(
            "edit", command="str_replace", path=str(file), **change
        )
        return called

    steps: dict[str, Step] = {
        "a tool that does nothing": lambda number: env.call_tool("nothing", text="x"),
        "bash: echo": lambda number: env.call_tool("bash", command="echo hi"),
        f"edit: one replacement in {LINES:,} lines": edit,
        f"read: {LINES:,} lines": lambda number: env.call_tool("read", filePath=str(file)),
    }
    async with env:
        return {what: await _timed(step, repeats) for what, step in steps.items()}


async def _timed(step: Step, repeats: int) -> list[float]:
    samples = []
    for number in range(repeats + 1):
        started = time.perf_counter()
        await step(number)
        samples.append((time.perf_counter() - started) * 1000)
    return samples[1:]


if __name__ == "__main__":
    main()

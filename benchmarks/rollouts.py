"""What a rollout costs: alone, through `hud eval` by the thousand, and while models take their
time.

The provider answers at once and runs in a process of its own, so what is left is the platform's
time and the HTTP client's. What is compared takes turns. `fork` isolates each rollout in a process
of its own, `shared` isolates nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from measuring.original import QUIET, VERSION, original
from measuring.processes import ROOT, Usage, environment, run
from measuring.provider import provider
from measuring.subject import Command, Subject, take_turns
from measuring.table import Goal, Row, introduce, show

SUBJECTS = Path(__file__).parent / "subjects"
TASKS = str(ROOT / "env_template" / "tasks.py")
CONCURRENCY = 30
MODEL_SECONDS = 0.05
"""How long a model takes to answer where its time is measured."""
MODEL_CALLS = 2

BARE = "bare openai client"
FORKED, ONE_BY_ONE, SHARED = "forked", "forked, one at a time", "shared"
ORIGINAL = f"{VERSION}, shared"
TOOL_GOALS = {FORKED: Goal(5.0), SHARED: Goal(1.0)}
AGENT_GOALS = {FORKED: Goal(8.0)}


@dataclass(frozen=True)
class Bench:
    """What everything here is measured with."""

    folder: Path
    base_url: str
    its_python: Path | None
    repeats: int
    batch: int
    rollouts: int


def main() -> None:
    """Measure and print the table."""
    options = _options()
    introduce()
    its_python = original() if options.original else None
    with tempfile.TemporaryDirectory() as folder, provider() as base_url:
        bench = Bench(
            Path(folder), base_url, its_python, options.repeats, options.batch, options.rollouts
        )
        rows = [*tool_only(bench), *with_agent(bench), *by_command(bench), *patience(bench)]
    show(
        f"rollouts, {CONCURRENCY} at a time unless said otherwise: {options.repeats} × {options.batch} of each",
        rows,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=12, help="batches of each kind")
    parser.add_argument("--batch", type=int, default=60, help="rollouts of a batch")
    parser.add_argument("--rollouts", type=int, default=1000, help="rollouts of one `hud eval`")
    parser.add_argument(
        "--original", action="store_true", help=f"compare with hud-python {VERSION}, too"
    )
    return parser.parse_args()


def tool_only(bench: Bench) -> list[Row | str]:
    """Rollouts that set up, call one tool and grade, without a model."""
    subjects = take_turns(_rivals(bench), bench.folder, repeats=bench.repeats, batch=bench.batch)
    reference = Row(SHARED, "ms", subjects[SHARED].times)
    return ["a tool-only rollout", *_rows(subjects, reference, TOOL_GOALS)]


def with_agent(bench: Bench) -> list[Row | str]:
    """Rollouts of an agent: two model calls, one tool call."""
    bare = (sys.executable, str(SUBJECTS / "bare_client.py"), bench.base_url)
    commands = {
        BARE: Command(bare, environment(bench.folder), CONCURRENCY),
        **_rivals(bench, bench.base_url),
    }
    subjects = take_turns(commands, bench.folder, repeats=bench.repeats, batch=bench.batch)
    reference = Row(BARE, "ms", subjects[BARE].times)
    return ["an agent rollout", *_rows(subjects, reference, AGENT_GOALS)]


def _rivals(bench: Bench, *base_url: str) -> dict[str, Command]:
    """Our rollouts, isolated and not, and the original's."""
    program, env = (sys.executable, str(SUBJECTS / "ours.py")), environment(bench.folder)
    fork = (*program, "fork", TASKS, *base_url)
    rivals = {
        SHARED: Command((*program, "shared", TASKS, *base_url), env, CONCURRENCY),
        FORKED: Command(fork, env, CONCURRENCY),
        ONE_BY_ONE: Command(fork, env, 1),
    }
    if bench.its_python:
        its = (str(bench.its_python), str(SUBJECTS / "original.py"), TASKS, *base_url)
        rivals[ORIGINAL] = Command(its, environment(bench.folder, **QUIET), CONCURRENCY)
    return rivals


def _rows(subjects: dict[str, Subject], reference: Row, goals: dict[str, Goal]) -> Iterable[Row]:
    for name, subject in subjects.items():
        yield Row(name, "ms", subject.times, subject.cpu, reference, goals.get(name))


def by_command(bench: Bench) -> list[Row | str]:
    """`hud eval` of many agent rollouts: its time, and its memory as they become more."""
    many = bench.rollouts
    few, more = max(1, many // 4), many * 4
    ours = [hud_eval(bench, many)[0] for _ in range(max(1, bench.repeats // 4))]
    theirs = [its_eval(bench, many)] if bench.its_python else []
    least, most = hud_eval(bench, few)[0], hud_eval(bench, more)[0]
    seconds = Row(
        "forked: time", "s", [usage.seconds for usage in ours], goal=Goal(10.0 * many / 1000)
    )
    memory = Row(
        "forked: memory of the command", "MB", [usage.memory for usage in ours], goal=Goal(200.0)
    )
    growth = most.memory - least.memory
    return [
        f"`hud eval` of {many} agent rollouts",
        seconds,
        memory,
        Row("forked: memory of its host", "MB", [usage.child_memory for usage in ours]),
        Row(f"forked: more memory with {more} than with {few}", "MB", [growth], goal=Goal(10.0)),
        *(Row(f"{ORIGINAL}: time", "s", [usage.seconds], reference=seconds) for usage in theirs),
        *(Row(f"{ORIGINAL}: memory", "MB", [usage.memory], reference=memory) for usage in theirs),
    ]


def patience(bench: Bench) -> list[Row | str]:
    """`hud eval` of rollouts that mostly wait for their model."""
    count = max(CONCURRENCY, round(bench.rollouts * 0.3 / CONCURRENCY) * CONCURRENCY)
    ideal = count / CONCURRENCY * MODEL_CALLS * MODEL_SECONDS
    model = f"slow:{MODEL_SECONDS * 1000:g}"
    repeats = range(max(1, bench.repeats // 4))
    rows: list[Row | str] = [
        f"{count} agent rollouts whose model takes {MODEL_SECONDS * 1000:g} ms a call; ideal {ideal:g} s"
    ]
    for isolation in ("fork", "shared"):
        runs = [hud_eval(bench, count, "--model", model, "--isolation", isolation) for _ in repeats]
        name = FORKED if isolation == "fork" else SHARED
        rows.append(Row(name, "s", [seconds for _, seconds in runs], goal=Goal(1.5 * ideal)))
        rows.append(
            Row(f"{name}, with the command's start", "s", [usage.seconds for usage, _ in runs])
        )
    return rows


def hud_eval(bench: Bench, count: int, *options: str) -> tuple[Usage, float]:
    """The real command: what it took, and how many seconds of that it played."""
    env = environment(bench.folder, OPENAI_BASE_URL=bench.base_url)
    report = bench.folder / "job.json"
    slug = (
        "--task-ids",
        "strawberry-r",
        "--group-size",
        str(count),
        "--max-concurrent",
        str(CONCURRENCY),
    )
    argv = (
        sys.executable,
        "-m",
        "hud",
        "eval",
        TASKS,
        "openai_compatible",
        *slug,
        "--json",
        str(report),
    )
    usage = run((*argv, *(options or ("--model", "instant"))), bench.folder, env)
    job = json.loads(report.read_text())
    if [rollout["reward"] for rollout in job["rollouts"]] != [1.0] * count:
        raise SystemExit(f"`hud eval` of {count} rollouts did not succeed with all of them")
    return usage, job["seconds"]


def its_eval(bench: Bench, count: int) -> Usage:
    """The original's command."""
    options = {"base_url": bench.base_url, "api_key": "none", "model": "instant"}
    config = [
        part
        for name, value in options.items()
        for part in ("--config", f"openai_compatible.{name}={value}")
    ]
    slug = (
        "--task-ids",
        "strawberry-r",
        "--group-size",
        str(count),
        "--max-concurrent",
        str(CONCURRENCY),
        "--yes",
    )
    argv = (
        str(bench.its_python),
        "-m",
        "hud.cli",
        "eval",
        TASKS,
        "openai_compatible",
        *slug,
        *config,
    )
    return run(argv, bench.folder, environment(bench.folder, **QUIET))


if __name__ == "__main__":
    main()

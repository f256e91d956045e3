"""What a rollout costs: alone, by the thousand through `hud eval`, and while models take time.

The provider answers at once and runs in a process of its own: what is left is our time and that of
the HTTP client. What is compared takes turns. `forked` isolates each rollout in a process of its
own, `shared` isolates nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
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
MODEL_CALLS = 2
MODEL_SECONDS = 0.05
"""How long a model takes where its time is measured."""

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

    @property
    def runs(self) -> int:
        """How often a command is run that takes seconds."""
        return max(1, self.repeats // 4)


def main() -> None:
    """Measure and print the table."""
    options = _options()
    introduce()
    its_python = original() if options.original else None
    sizes = (options.repeats, options.batch, options.rollouts)
    with tempfile.TemporaryDirectory() as folder, provider() as base_url:
        bench = Bench(Path(folder), base_url, its_python, *sizes)
        rows = [*tool_only(bench), *with_agent(bench), *by_command(bench), *patience(bench)]
    size = f"{bench.repeats} × {bench.batch} rollouts of each, {bench.runs} of each command"
    show(f"{CONCURRENCY} rollouts at a time unless said otherwise; {size}", rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=12, help="batches of each kind")
    parser.add_argument("--batch", type=int, default=60, help="rollouts of a batch")
    parser.add_argument("--rollouts", type=int, default=1000, help="rollouts of one `hud eval`")
    parser.add_argument("--original", action="store_true", help=f"measure hud-python {VERSION} too")
    return parser.parse_args()


def tool_only(bench: Bench) -> list[Row | str]:
    """Rollouts without a model: set up, call one tool, grade."""
    subjects = take_turns(_rivals(bench), bench.folder, repeats=bench.repeats, batch=bench.batch)
    return ["a tool-only rollout", *_rows(subjects, SHARED, TOOL_GOALS)]


def with_agent(bench: Bench) -> list[Row | str]:
    """Rollouts of an agent: two model calls, one tool call."""
    bare = (sys.executable, str(SUBJECTS / "bare_client.py"), bench.base_url)
    commands = {
        BARE: Command(bare, environment(bench.folder), CONCURRENCY),
        **_rivals(bench, bench.base_url),
    }
    subjects = take_turns(commands, bench.folder, repeats=bench.repeats, batch=bench.batch)
    return ["an agent rollout", *_rows(subjects, BARE, AGENT_GOALS)]


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


def _rows(subjects: Mapping[str, Subject], reference: str, goals: Mapping[str, Goal]) -> list[Row]:
    compared = Row(reference, "ms", subjects[reference].times)
    return [
        Row(name, "ms", subject.times, subject.cpu, compared, goals.get(name))
        for name, subject in subjects.items()
    ]


def by_command(bench: Bench) -> list[Row | str]:
    """`hud eval` of many agent rollouts: its time, and its memory as they become more."""
    many = bench.rollouts
    runs = [hud_eval(bench, many)[0]]
    theirs = [its_eval(bench, many)] if bench.its_python else []
    runs += [hud_eval(bench, many)[0] for _ in range(bench.runs - 1)]
    seconds = Row("forked", "s", [run.seconds for run in runs], goal=Goal(10 * many / 1000))
    memory = Row("forked: memory", "MB", [run.memory for run in runs], goal=Goal(200))
    return [
        f"`hud eval` of {many} agent rollouts",
        seconds,
        Row("forked: rollouts a second", "/s", [many / run.seconds for run in runs]),
        *(Row(ORIGINAL, "s", [run.seconds], reference=seconds) for run in theirs),
        memory,
        Row("forked: memory of the host", "MB", [run.child_memory for run in runs]),
        *(Row(f"{ORIGINAL}: memory", "MB", [run.memory], reference=memory) for run in theirs),
        *_growth(bench, memory),
    ]


def _growth(bench: Bench, memory: Row) -> list[Row]:
    """Memory with a quarter and with four times as many rollouts."""
    few, more = max(1, bench.rollouts // 4), bench.rollouts * 4
    least, most = (hud_eval(bench, count)[0].memory for count in (few, more))
    return [
        Row(f"forked: memory with {few}", "MB", [least], reference=memory),
        Row(f"forked: memory with {more}", "MB", [most], reference=memory),
        Row(f"forked: growth from {few} to {more}", "MB", [most - least], goal=Goal(10)),
    ]


def patience(bench: Bench) -> list[Row | str]:
    """`hud eval` of rollouts that mostly wait for their model."""
    count = max(1, round(bench.rollouts * 0.3 / CONCURRENCY)) * CONCURRENCY
    ideal = count / CONCURRENCY * MODEL_CALLS * MODEL_SECONDS
    model = f"slow:{MODEL_SECONDS * 1000:g}"
    rows: list[Row | str] = [
        f"`hud eval` of {count} rollouts whose model takes {MODEL_SECONDS:g} s a call;"
        f" ideal {ideal:g} s"
    ]
    for name, isolation in ((FORKED, "fork"), (SHARED, "shared")):
        options = ("--model", model, "--isolation", isolation)
        runs = [hud_eval(bench, count, *options) for _ in range(bench.runs)]
        goal = Goal(1.5 * ideal)
        rows.append(Row(f"{name}: the rollouts", "s", [seconds for _, seconds in runs], goal=goal))
        rows.append(Row(f"{name}: the command", "s", [usage.seconds for usage, _ in runs]))
    return rows


def hud_eval(bench: Bench, count: int, *options: str) -> tuple[Usage, float]:
    """The real command: what it took, and how many of those seconds it played."""
    argv = (
        *(sys.executable, "-m", "hud", "eval", TASKS, "openai_compatible"),
        *_selection(count),
        *(options or ("--model", "instant")),
    )
    with tempfile.TemporaryDirectory() as results:
        variables = {"OPENAI_BASE_URL": bench.base_url, "HUD_RESULTS_DIR": results}
        usage = run(argv, bench.folder, environment(bench.folder, **variables))
        (job,) = (Path(results) / "jobs").iterdir()
        lines = (job / "rollouts.jsonl").read_text().splitlines()
        seconds: float = json.loads((job / "job.json").read_text())["seconds"]
    if [json.loads(line)["reward"] for line in lines] != [1.0] * count:
        raise SystemExit(f"`hud eval` of {count} rollouts did not succeed with all of them")
    return usage, seconds


def its_eval(bench: Bench, count: int) -> Usage:
    """The original's command."""
    options = {"base_url": bench.base_url, "api_key": "none", "model": "instant"}
    argv = [
        *(str(bench.its_python), "-m", "hud.cli", "eval", TASKS, "openai_compatible", "--yes"),
        *_selection(count),
    ]
    for name, value in options.items():
        argv += ["--config", f"openai_compatible.{name}={value}"]
    return run(argv, bench.folder, environment(bench.folder, **QUIET))


def _selection(count: int) -> tuple[str, ...]:
    """One task, that often."""
    return (
        *("--task-ids", "strawberry-r", "--group-size", str(count)),
        *("--max-concurrent", str(CONCURRENCY)),
    )


if __name__ == "__main__":
    main()

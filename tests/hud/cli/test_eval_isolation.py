"""`hud eval` when rollouts misbehave, or when somebody ends it before its time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import Command, Finished
from tests.hud.cli.conftest import EXAMPLES, records, rows
from tests.hud.runtime.conftest import is_running


@pytest.mark.slow
def test_noise_reaches_the_log_and_never_the_table(hud_cli: Command) -> None:
    source = str(EXAMPLES / "trouble.py")
    ended = hud_cli("eval", source, "nop", "--task-ids", "print,fine-1", "--quiet")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == 6
    assert rows(ended.stdout) == {name: ["1", "1.0", "1.00"] for name in ("print", "fine-1")}


COUNTING = ["eval", str(EXAMPLES / "trouble.py"), "nop", "--task-ids", "count", "--group-size", "8"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("isolation", "leaks"), [([], False), (["spawn"], False), (["shared"], True)]
)
def test_module_state_leaks_between_rollouts_only_where_it_is_shared(
    hud_cli: Command, isolation: list[str], leaks: bool
) -> None:
    chosen = ["--isolation", *isolation] if isolation else []
    ended = hud_cli(*COUNTING, *chosen)
    assert ended.returncode == 0
    assert (rows(ended.stdout)["count"][-1] != "1.00") is leaks


@pytest.mark.slow
def test_a_module_that_cannot_be_forked_is_spawned_and_told_so_once(hud_cli: Command) -> None:
    ended = hud_cli("eval", str(EXAMPLES / "threaded.py"), "nop", "--all")
    assert ended.returncode == 0
    reason = "the module starts the thread `poller` when it is imported"
    assert (
        ended.stderr.count(f"warning: every rollout gets a fresh interpreter, since {reason}") == 1
    )
    assert "Mean: 1.00" in ended.stdout


SHARING = """
import asyncio
from pathlib import Path
from hud import Environment

env, here = Environment("sharing"), Path(__file__).parent

@env.scenario("write")
async def write(name: str):
    (here / "out.txt").write_text(name)
    (here / f"{name}.here").touch()
    yield "Wait."
    while len(list(here.glob("*.here"))) < 2:
        await asyncio.sleep(0.01)
    (here / "out.txt").write_text(name)
    yield 1.0

tasks = [write.task(name=name).copy(slug=name) for name in ("a", "b")]
"""


@pytest.mark.slow
def test_a_file_that_rollouts_wrote_at_one_time_is_named(hud_cli: Command) -> None:
    (hud_cli.cwd / "tasks.py").write_text(SHARING)
    ended = hud_cli("eval", "tasks.py", "nop", "--all")
    assert ended.returncode == 0
    assert "out.txt at the same time, so that their rewards may be wrong" in ended.stderr


@pytest.mark.slow
def test_a_rollout_that_takes_too_long_is_ended(hud_cli: Command) -> None:
    source = str(EXAMPLES / "trouble.py")
    ended = hud_cli("eval", source, "nop", "--task-ids", "spin,fine-1", "--timeout", "1")
    assert ended.returncode == 1
    assert "spin #1  limit: the rollout took longer than 1 s" in ended.stdout
    assert rows(ended.stdout)["fine-1"] == ["1", "1.0", "1.00"]


HOLDING = """
from tests.examples.trouble import fine, hold

tasks = [fine.task().copy(slug="fine")]
tasks += [hold.task(folder={folder!r}, name=name).copy(slug=name) for name in ("a", "b")]
"""


@pytest.fixture
def held(hud_cli: Command, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """An evaluation of which one rollout has ended and two are under way, and their processes."""
    (hud_cli.cwd / "tasks.py").write_text(HOLDING.format(folder=str(tmp_path)))
    process = hud_cli.start("eval", "tasks.py", "nop", "--all")
    try:
        assert wait_for(lambda: all((tmp_path / f"{name}.pids").exists() for name in "ab"))
        assert wait_for(lambda: any(map(ended_one, hud_cli.cwd.glob(".hud/jobs/*/rollouts.jsonl"))))
        notes = [(tmp_path / f"{name}.pids").read_text() for name in "ab"]
        yield process, [int(pid) for note in notes for pid in note.split()]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def ended_one(lines: Path) -> bool:
    return lines.read_text().endswith("}\n")


def wait_for(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within some seconds."""
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def interrupted(held: tuple[subprocess.Popen[str], list[int]], number: int) -> Finished:
    """How the evaluation ends after this signal; no process of it is left."""
    process, running = held
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert wait_for(lambda: not any(map(is_running, running)))
    return Finished(process.returncode, out, err)


def test_an_interrupted_evaluation_shows_what_had_ended(
    hud_cli: Command, held: tuple[subprocess.Popen[str], list[int]]
) -> None:
    ended = interrupted(held, signal.SIGINT)
    assert ended.returncode == 130
    assert rows(ended.stdout) == {
        "fine": ["1", "1.0", "1.00"],
        "a": ["0", "–", "–"],
        "b": ["0", "–", "–"],
    }
    assert "interrupted" in ended.stderr
    assert "Traceback" not in ended.stderr
    (job,) = hud_cli.cwd.glob(".hud/jobs/*/job.json")
    assert json.loads(job.read_text())["status"] == "cancelled"


@pytest.mark.slow
def test_a_terminated_evaluation_leaves_nothing_running(
    held: tuple[subprocess.Popen[str], list[int]],
) -> None:
    ended = interrupted(held, signal.SIGTERM)
    assert ended.returncode == 128 + signal.SIGTERM
    assert "Total: 3 tasks, 1 runs" in ended.stdout


def test_a_killed_evaluation_leaves_whole_lines_and_nothing_running(
    hud_cli: Command, held: tuple[subprocess.Popen[str], list[int]]
) -> None:
    assert interrupted(held, signal.SIGKILL).returncode == -signal.SIGKILL
    assert [record["task"] for record in records(hud_cli.cwd)] == ["fine"]
    shown = hud_cli("show")
    assert shown.returncode == 0
    assert "running" in shown.stderr
    assert rows(shown.stdout)["fine"] == ["1", "1.0", "1.00"]


HANGING = """
import os
with open("pid", "w") as note:
    note.write(f"{os.getpid()}\\n")
while True:
    pass
"""


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_a_module_that_never_ends_can_be_interrupted(hud_cli: Command, number: int) -> None:
    (hud_cli.cwd / "tasks.py").write_text(HANGING)
    process, note = hud_cli.start("eval", "tasks.py", "nop"), hud_cli.cwd / "pid"
    assert wait_for(lambda: note.exists() and note.read_text().endswith("\n"))
    ended = interrupted((process, [int(note.read_text())]), number)
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    if number == signal.SIGINT:
        assert (ended.returncode, ended.stderr) == (130, "interrupted: nothing had run yet\n")


@pytest.mark.slow
def test_a_terminals_interrupt_reaches_the_whole_group_and_is_told_once(
    held: tuple[subprocess.Popen[str], list[int]],
) -> None:
    process, running = held
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert wait_for(lambda: not any(map(is_running, running)))


def test_a_file_named_like_a_library_is_no_obstacle(letters: Command) -> None:
    for name in ("random.py", "select.py", "typing.py", "mcp_types.py"):
        (letters.cwd / name).write_text("raise SystemExit('not me')")
    ended = letters.afresh()("eval", "tasks.py", "nop")
    assert (ended.returncode, rows(ended.stdout)) == (0, {"strawberry-r": ["1", "0.0", "0.00"]})


@pytest.mark.slow
def test_where_few_files_may_be_open_fewer_rollouts_run_at_a_time(letters: Command) -> None:
    limit = ("sh", "-c", 'ulimit -n 80 && exec "$@"', "sh")
    limited = Command((*limit, *letters.argv), letters.cwd, letters.env)
    ended = limited("eval", "tasks.py", "nop", "--all", "--group-size", "20")
    assert ended.returncode == 0, ended.stdout
    assert "warning: 5 rollouts run at a time: no more than 80 files may be open" in ended.stderr


MANY = """
from env import count

tasks = [count.task(word="x" * n, letter="x").copy(slug=f"t-{n}") for n in range(600)]
"""


def peak_memory(command: Command, *options: str) -> float:
    """Megabytes that `hud eval` needed at most for this many tasks."""
    script = "import resource, sys; from hud.cli.main import main; main(sys.argv[1:])\n"
    script += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    interpreter = Command(command.argv[:2], command.cwd, command.env)
    ended = interpreter("-c", script, "eval", "many.py", "nop", "-q", *options, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return float(ended.stdout.splitlines()[-1])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_rollouts(letters: Command) -> None:
    (letters.cwd / "many.py").write_text(MANY)
    few = peak_memory(letters, "--task-ids", ",".join(f"t-{n}" for n in range(100)))
    assert peak_memory(letters, "--all") < few + 3

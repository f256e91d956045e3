"""`hud eval`, from the author's file to the reward table and the exit status."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hud.cli.main import main
from tests import fake_provider
from tests.command import ROOT, Command, Finished
from tests.hud.eval.test_summary import SEED_PAGE
from tests.hud.runtime.conftest import is_running

EXAMPLES = ROOT / "tests/examples"
SLUGS = ["strawberry-r", "mississippi-s", "abracadabra-a"]


@pytest.fixture(scope="module")
def provider_process() -> Iterator[fake_provider.Running]:
    with fake_provider.running() as process:
        yield process


@pytest.fixture
def provider(provider_process: fake_provider.Running) -> fake_provider.Running:
    provider_process.control(reset=True, default=fake_provider.DEFAULT)
    return provider_process


@pytest.fixture
def letters(hud_cli: Command) -> Command:
    """The command in the seed page's folder, without any key."""
    shutil.copytree(EXAMPLES / "letters", hud_cli.cwd, dirs_exist_ok=True)
    return hud_cli


@pytest.fixture
def keyed(letters: Command, provider: fake_provider.Running) -> Command:
    """The command in the seed page's folder, with keys and addresses of the provider."""
    return letters.having(
        OPENAI_BASE_URL=provider.openai_url,
        OPENAI_API_KEY="key",
        ANTHROPIC_BASE_URL=provider.url,
        ANTHROPIC_API_KEY="key",
        HUD_PROVIDER_RETRIES="0",
    )


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process, in the seed page's folder: exit status, output, errors."""
    shutil.copytree(EXAMPLES / "letters", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run_command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(list(arguments))
        return status, *capsys.readouterr()

    return run_command


def rows(table: str) -> dict[str, list[str]]:
    """The table's rows: what stands behind each slug."""
    lines = table.split("─\n")[1].splitlines()[:-1]
    return {line.split()[0]: line.split()[1:] for line in lines}


def records(folder: Path) -> list[dict[str, Any]]:
    """The newest job's rollouts as its folder has them."""
    (path,) = folder.glob(".hud/jobs/*/rollouts.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# The letter counter


def test_the_first_task_of_the_file_runs_and_nothing_but_results_is_written(
    keyed: Command,
) -> None:
    ended = keyed("eval", "tasks.py", "claude-sonnet-4-5")
    assert ended.returncode == 0, ended.stderr
    assert rows(ended.stdout) == {"strawberry-r": ["1", "1.0", "1.00"]}
    assert files(keyed.cwd) == {".hud", "env.py", "tasks.py"}
    (record,) = records(keyed.cwd)
    assert (record["model_calls"], record["tool_calls"]) == (2, 1)
    assert record["usage"]["input_tokens"] == 2 * fake_provider.INPUT


def test_every_task_runs_with_the_agent_whose_key_is_set(keyed: Command) -> None:
    ended = keyed("eval", "--full", "--json", "out/job.json", "--junit", "junit.xml")
    assert ended.returncode == 0, ended.stderr
    assert list(rows(ended.stdout)) == SLUGS
    assert "  Total: 3 tasks × 1 run | Mean: 1.00 | Pass: 3/3 (100%)" in ended.stdout
    job = json.loads((keyed.cwd / "out/job.json").read_text())
    assert (job["variants"][0]["agent"], job["max_steps"]) == ("claude", 100)
    assert {record["task"] for record in job["rollouts"]} == set(SLUGS)
    assert len(ElementTree.parse(keyed.cwd / "junit.xml").getroot()) == 3


def test_the_seed_pages_table_to_the_letter(
    keyed: Command, provider: fake_provider.Running
) -> None:
    provider.control(script=[f"fixed:{answer}" for answer in "330000555"])
    arguments = ["--full", "--group-size", "3", "--max-concurrent", "1", "--quiet"]
    ended = keyed("eval", "tasks.py", "openai", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{SEED_PAGE}\n"


def test_a_folder_of_task_files_runs_with_any_compatible_endpoint(keyed: Command) -> None:
    folder = keyed.cwd / "tasks"
    folder.mkdir()
    for name in ("spelling", "counting"):
        text = (keyed.cwd / "tasks.py").read_text().replace('slug = "', f'slug = "{name}-')
        (folder / f"{name}.py").write_text(text)
    ended = keyed("eval", "tasks/", "openai_compatible", "-m", "my/model", "--full")
    assert ended.returncode == 0, ended.stderr
    assert list(rows(ended.stdout)) == [f"{n}-{s}" for n in ("counting", "spelling") for s in SLUGS]


@pytest.mark.parametrize(
    "agent", [["gpt-4o"], ["claude"], ["openai"], ["-m", "gpt-5.4"], ["any-other-model"]]
)
@pytest.mark.slow
def test_agents_and_models_are_named_alike(keyed: Command, agent: list[str]) -> None:
    ended = keyed("eval", "tasks.py", *agent, "--task-ids", "abracadabra-a,strawberry-r")
    assert ended.returncode == 0, ended.stderr
    assert rows(ended.stdout) == {slug: ["1", "1.0", "1.00"] for slug in (SLUGS[2], SLUGS[0])}


def test_a_provider_that_refuses_fails_every_rollout(
    keyed: Command, provider: fake_provider.Running
) -> None:
    provider.control(default="status:503")
    ended = keyed("eval", "tasks.py", "openai", "--all")
    assert ended.returncode == 1
    assert rows(ended.stdout) == {slug: ["0", "–", "–"] for slug in SLUGS}
    assert "  Total: 3 tasks × 1 run | Mean: – | Pass: 0/0" in ended.stdout
    assert "  Failed: 3 (3 provider), not in mean and pass" in ended.stdout
    assert ended.stdout.count("openai answered 503") == 3
    assert [record.get("answer") for record in records(keyed.cwd)] == [None] * 3


REFUSALS = [
    ("status:401", "openai answered 401", "check OPENAI_API_KEY"),
    ("status:404", "openai answered 404", "have a model named"),
    ("garbage", "the answer is not JSON", ""),
    ("wrong-shape", "gave no usable answer", ""),
    ("empty", "gave no usable answer", ""),
]


@pytest.mark.slow
@pytest.mark.parametrize(("behaviour", "error", "hint"), REFUSALS)
def test_an_error_of_the_provider_is_never_an_answer(
    keyed: Command, provider: fake_provider.Running, behaviour: str, error: str, hint: str
) -> None:
    provider.control(default=behaviour)
    ended = keyed("eval", "tasks.py", "openai")
    assert ended.returncode == 1
    assert error in ended.stdout
    assert hint in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    (record,) = records(keyed.cwd)
    assert (record["status"], record["boundary"]) == ("failed", "provider")
    assert "answer" not in record


@pytest.mark.slow
def test_a_provider_that_cannot_be_reached_is_named(keyed: Command) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        ended = keyed.having(OPENAI_BASE_URL=url)("eval", "tasks.py", "openai")
    assert ended.returncode == 1
    assert "could not be reached" in ended.stdout
    assert f"hint: is {url} right? OPENAI_BASE_URL sets it" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["limited:0.1", "errors:2:503"])
def test_a_provider_that_asks_for_patience_gets_it(
    keyed: Command, provider: fake_provider.Running, behaviour: str
) -> None:
    provider.control(default=behaviour)
    ended = keyed.having(HUD_PROVIDER_RETRIES="3")("eval", "tasks.py", "openai")
    assert ended.returncode == 0, ended.stdout
    assert rows(ended.stdout) == {"strawberry-r": ["1", "1.0", "1.00"]}


WATCH = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        with open(os.environ["WATCHED"], "a") as file:
            file.write(f"{event} {arguments[1] if event == 'socket.connect' else arguments[:2]}\\n")

sys.addaudithook(watch)
"""


@pytest.mark.parametrize("agent", ["oracle", "openai"])
def test_no_network_is_used_but_the_providers(keyed: Command, tmp_path: Path, agent: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join([str(tmp_path), keyed.env["PYTHONPATH"]])
    watched = keyed.having(PYTHONPATH=path, WATCHED=str(tmp_path / "connections"))
    assert watched("eval", "tasks.py", agent).returncode == 0
    told = tmp_path / "connections"
    connections = told.read_text().splitlines() if told.exists() else []
    assert all("127.0.0.1" in line for line in connections)
    assert bool(connections) is (agent == "openai")


# First contact


def test_without_agent_and_key_the_agents_are_listed(run: Run) -> None:
    status, out, err = run("eval", "tasks.py")
    assert (status, out) == (2, "")
    assert "no agent is named" in err
    assert "`oracle`" in err
    assert "hint: hud eval tasks.py oracle" in err


FIRST_CONTACT = [
    (["tasks.py", "claude", "-y"], "needs ANTHROPIC_API_KEY", "export ANTHROPIC_API_KEY="),
    (["tasks.py", "openai"], "needs OPENAI_API_KEY", "export OPENAI_API_KEY="),
    (["tasks.py", "gpt-4o"], "needs OPENAI_API_KEY", "export OPENAI_API_KEY="),
    (["tasks.py", "gtp-4o"], "no agent and no known model is named `gtp-4o`", "agents: claude"),
    (["tasks.py", "orcale"], "named `orcale`", "did you mean `oracle`?"),
    (["nosuch.py", "openai"], "there is no file or folder `nosuch.py`", ""),
    (["taks.py", "nop"], "there is no file or folder `taks.py`", "did you mean `tasks.py`?"),
    (["env.py", "nop"], "`env.py` holds no tasks", "scenario.task("),
    (["tasks.py", "nop", "--task-ids", "strawbery-r"], "`strawbery-r`", "mean `strawberry-r`?"),
    (["tasks.py", "nop", "--task-ids", "nosuch"], "`nosuch`", "there are `abracadabra-a`, "),
    (["tasks.py", "nop", "--task-ids", " , "], "--task-ids names no task", "--list"),
    (["tasks.py", "nop", "--group-size", "0"], "`group_size`", ""),
    (["tasks.py", "nop", "--isolation", "none"], "'fork', 'spawn' or 'shared'", ""),
    (["tasks.py", "nop", "--timeout", "0"], "`timeout`", ""),
    (["tasks.py", "nop", "--config", "novalue"], "`--config novalue` is not KEY=VALUE", ""),
    (["tasks.py", "nop", "-c", "clude.x=1"], "no agent `clude`", "did you mean `claude`?"),
    (["tasks.py", "nop", "-c", "sytem_prompt=x"], "`sytem_prompt`", "mean `system_prompt`?"),
    (["tasks.py", "openai_compatible"], "needs a model", "--model"),
    (["tasks.py", "operator"], "`operator` uses a computer", "agents: "),
    (["tasks.py", "nop", "--json", "env.py/x"], "cannot write env.py/x", ""),
    (["tasks.py", "nop", "--junit", "."], "cannot write .", ""),
]


@pytest.mark.parametrize(
    ("arguments", "error", "hint"), FIRST_CONTACT, ids=lambda value: " ".join(value)[:40]
)
def test_what_is_missing_or_wrong_is_told_in_a_line_with_the_next_command(
    run: Run, arguments: list[str], error: str, hint: str
) -> None:
    status, out, err = run("eval", *arguments)
    lines = err.splitlines()
    assert (status, out) == (2, "")
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert len(lines) == (1 if not hint else 2) or not hint
    assert hint in lines[-1]
    assert files(Path.cwd()) - {"__pycache__"} == {"env.py", "tasks.py"}


BROKEN = [
    ("raise ValueError('no words')", "ValueError: no words"),
    ("import nosuchmodule", "No module named 'nosuchmodule'"),
    ("import os; os._exit(3)", "the worker host ended with exit status 3"),
]


@pytest.mark.parametrize(("text", "error"), BROKEN)
def test_a_broken_task_file_stops_the_run(run: Run, text: str, error: str) -> None:
    Path("tasks.py").write_text(text)
    status, out, err = run("eval", "tasks.py", "nop")
    assert (status, out) == (1 if "_exit" in text else 2, "")
    assert error in err.splitlines()[-1]
    assert f"{ROOT}/hud/" not in err
    assert ".hud" not in files(Path.cwd())


FAULTS = """
from hud import Environment

env = Environment("faults")

@env.scenario("fault")
async def fault(where: str):
    if where == "setup":
        raise ValueError("\\x1b[31mno\\r words\\u202e")
    yield "Say something."
    if where == "grading":
        raise ValueError("no key")
    yield float("nan") if where == "nan" else 0.0

tasks = [fault.task(where=where).copy(slug=where) for where in ("setup", "grading", "nan", "none")]
"""


def test_a_scenario_that_fails_is_told_with_its_reason(run: Run) -> None:
    Path("tasks.py").write_text(FAULTS)
    status, out, err = run("eval", "tasks.py", "nop", "--all")
    assert status == 1
    assert "Failed: 3 (2 grading, 1 setup), not in mean and pass" in out
    assert "setup #1  setup: scenario `fault` failed in setup: ValueError: [31mno words" in out
    assert "grading #1  grading: scenario `fault` failed in grading: ValueError: no key" in out
    assert "nan #1  grading: scenario `fault` yielded nan" in out
    assert rows(out)["none"] == ["1", "0.0", "0.00"]
    assert not set("\x1b\r\u202e") & set(out + err)


def test_all_answers_wrong_is_a_result_and_no_failure(run: Run) -> None:
    status, out, err = run("eval", "tasks.py", "nop", "--all")
    assert status == 0
    assert "Mean: 0.00 | Pass: 0/3 (0%)" in out
    assert [line.split()[0] for line in err.splitlines()] == [
        "tasks.py:",
        "✓",
        "✓",
        "✓",
        "results:",
    ]


# Options


def test_tasks_are_listed_and_nothing_runs(run: Run) -> None:
    status, out, err = run("eval", "--list")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == SLUGS
    assert "count(word='strawberry', letter='r')" in out
    assert ".hud" not in files(Path.cwd())


def test_the_folders_file_is_read(run: Run) -> None:
    text = '[eval]\nagent = "nop"\nall = true\ngroup_size = 2\nquiet = true\n'
    Path(".hud_eval.toml").write_text(text)
    status, out, err = run("eval", "tasks.py")
    assert (status, err) == (0, "")
    assert "Total: 3 tasks × 2 runs" in out


RANDOM = """
import random
from hud import Environment

env = Environment("chance")

@env.scenario("throw")
async def throw(n: int):
    yield "Throw."
    yield random.random()

tasks = [throw.task(n=n).copy(slug=f"throw-{n}") for n in range(2)]
"""


@pytest.mark.slow
def test_a_seed_repeats_every_rollouts_numbers(run: Run) -> None:
    Path("tasks.py").write_text(RANDOM)

    def rewards(*options: str) -> list[float]:
        run("eval", "tasks.py", "nop", "--all", "--group", "2", "--json", "job.json", *options)
        job = json.loads(Path("job.json").read_text())
        return [record["reward"] for record in sorted(job["rollouts"], key=lambda r: r["id"])]

    first, again, other = rewards("--seed", "7"), rewards("--seed", "7"), rewards("--seed", "8")
    assert first == again
    assert len({*first, *other, *rewards(), *rewards()}) == 16


@pytest.mark.parametrize(
    ("options", "model_calls", "tool_calls"),
    [
        (["--disallowed-tools", "count_*"], 1, 0),
        (["--allowed-tools", "other"], 1, 0),
        (["--allowed-tools", "count_letter"], 2, 1),
    ],
)
@pytest.mark.slow
def test_tools_are_kept_from_the_agent(
    keyed: Command, options: list[str], model_calls: int, tool_calls: int
) -> None:
    assert keyed("eval", "tasks.py", "openai", *options).returncode == 0
    (record,) = records(keyed.cwd)
    assert (record["model_calls"], record["tool_calls"]) == (model_calls, tool_calls)


def test_running_out_of_steps_is_told_and_recorded(
    keyed: Command, provider: fake_provider.Running
) -> None:
    provider.control(default="loop")
    ended = keyed("eval", "tasks.py", "openai", "--max-steps", "3")
    assert ended.returncode == 0
    assert rows(ended.stdout) == {"strawberry-r": ["1", "0.0", "0.00"]}
    assert "1 runs used up their steps" in ended.stderr
    (record,) = records(keyed.cwd)
    assert (record["stop_reason"], record["model_calls"]) == ("max_steps", 3)


@pytest.mark.slow
def test_options_reach_the_agent_bare_and_dotted(
    keyed: Command, provider: fake_provider.Running
) -> None:
    pairs = ["-c", "max_output_tokens=77", "-c", "openai.temperature=0.5", "-c", "claude.x=1"]
    ended = keyed("eval", "tasks.py", "openai", *pairs)
    assert ended.returncode == 0, ended.stderr
    body = provider.requests[0]["body"]
    assert (body["max_output_tokens"], body["temperature"]) == (77, 0.5)


@pytest.mark.slow
def test_a_key_may_be_in_the_folders_env_file(
    letters: Command, provider: fake_provider.Running
) -> None:
    text = f"OPENAI_API_KEY=from-file\nOPENAI_BASE_URL={provider.openai_url}\n"
    (letters.cwd / ".env").write_text(text)
    assert letters("eval", "tasks.py").returncode == 0
    assert provider.requests[0]["headers"]["authorization"] == "Bearer from-file"


def test_a_person_at_a_terminal_picks_the_agent(letters: Command) -> None:
    ours, theirs = pty.openpty()
    command = [*letters.argv, "eval", "tasks.py"]
    process = subprocess.Popen(
        command,
        cwd=letters.cwd,
        env=letters.env,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, b"nop\n")
    out, _ = process.communicate(timeout=30)
    told = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "oracle" in told
    assert "Total: 1 task × 1 run | Mean: 0.00" in out.decode()


# Isolation


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
    ("isolation", "mean"), [([], "1.00"), (["spawn"], "1.00"), (["shared"], "0.34")]
)
def test_module_state_leaks_between_rollouts_only_where_it_is_shared(
    hud_cli: Command, isolation: list[str], mean: str
) -> None:
    chosen = ["--isolation", *isolation] if isolation else []
    ended = hud_cli(*COUNTING, *chosen)
    assert ended.returncode == 0
    assert rows(ended.stdout)["count"][-1] == mean


@pytest.mark.slow
def test_a_module_that_cannot_be_forked_is_spawned_and_told_so_once(hud_cli: Command) -> None:
    ended = hud_cli("eval", str(EXAMPLES / "threaded.py"), "nop", "--all")
    assert ended.returncode == 0
    reason = "the module starts the thread `poller` when it is imported"
    assert (
        ended.stderr.count(f"warning: every rollout gets a fresh interpreter, since {reason}") == 1
    )
    assert "Mean: 1.00" in ended.stdout


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


MANY = """
from env import count

tasks = [count.task(word="x" * n, letter="x").copy(slug=f"t-{n}") for n in range(2000)]
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
    few = peak_memory(letters, "--task-ids", ",".join(f"t-{n}" for n in range(200)))
    assert peak_memory(letters, "--all") < few + 12

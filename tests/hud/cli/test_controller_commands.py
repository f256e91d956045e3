"""`hud token`, `set`, `jobs`, `show`, `cancel`, `link` and `login` against a real controller."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hud.client import Client
from hud.wire import JobRequest, Variant
from tests.command import Command
from tests.controller.environments.template import settled
from tests.controller.records import job, record, transcript
from tests.controller.running import RunningController, free_port

WAITING = """\
import asyncio

from hud import Environment

env = Environment("waiting")


@env.scenario("wait")
async def wait():
    await asyncio.sleep(600)
    yield "Wait."
    yield 1.0
"""
WAITING_TASK = """\
from env import wait

task = wait.task()
task.slug = "wait"
"""
CANARY = "canary-value-5127"


@pytest.fixture
def process(controller: RunningController, tmp_path: Path) -> Command:
    """The command in an empty folder, in a process of its own."""
    return controller.hud(tmp_path)


@pytest.fixture
def hud(controller: RunningController, tmp_path: Path) -> Command:
    """The same in this process."""
    return controller.inside(tmp_path)


def nowhere(hud: Command) -> Command:
    """The same, where no controller answers."""
    return hud.having(HUD_API_URL=f"http://127.0.0.1:{free_port()}")


def test_the_token_is_printed(process: Command, controller: RunningController) -> None:
    done = process("token")
    assert (done.returncode, done.stdout) == (0, f"{controller.token}\n")


def test_without_a_token_it_says_how_to_get_one(process: Command, tmp_path: Path) -> None:
    done = process.having(HUD_HOME=str(tmp_path / "nothing"))("token")
    assert (done.returncode, done.stdout) == (2, "")
    assert "hint: start it with ./scripts/up.sh" in done.stderr


def test_secrets_are_stored_and_never_printed(
    process: Command, hud: Command, client: Client, controller: RunningController
) -> None:
    given = hud("set", f"FIRST={CANARY}", "SECOND=a=b")
    piped = process("set", "THIRD", stdin=f"{CANARY}\n")
    listed = hud("set")
    assert [done.returncode for done in (given, piped, listed)] == [0, 0, 0]
    assert {"FIRST", "SECOND", "THIRD"} <= set(listed.stdout.split())
    for done in (given, piped, listed):
        assert CANARY not in done.stdout + done.stderr
    assert CANARY not in controller.log()
    assert hud("set", "--remove", "SECOND").returncode == 0
    assert "SECOND" not in [item.name for item in client.secrets()]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([f"not a name {CANARY}=x"], "NAME=VALUE"),
        ([CANARY], "NAME=VALUE"),
        (["EMPTY"], "no value for `EMPTY`"),
        (["ONE", "OTHER"], "one secret only"),
        (["EMPTY="], "cannot be that of a variable"),
        (["--remove", "NO_SUCH"], "there is no secret `NO_SUCH`"),
    ],
    ids=["spaces", "value alone", "empty input", "two from input", "empty", "unknown"],
)
def test_what_is_no_secret_is_refused(hud: Command, arguments: list[str], reason: str) -> None:
    done = hud("set", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert CANARY not in done.stderr


def test_jobs_are_listed(hud: Command, client: Client) -> None:
    record(client, "listed-1", transcript("listed-1", "one"), name="listed")
    client.record_job(job("listed-2", "one", "two", name="listed"))
    done = hud("jobs", "--search", "listed")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0][:2] == ["job", "status"]
    assert {row[0]: row[1] for row in rows[1:]} == {"listed-1": "finished", "listed-2": "running"}
    assert hud("jobs", "--search", "listed", "--status", "running").stdout.count("listed-") == 1
    page = json.loads(hud("jobs", "--search", "listed", "--json", "-n", "1").stdout)
    assert (len(page["items"]), page["total"]) == (1, 2)


def test_no_job_is_no_error(hud: Command) -> None:
    done = hud("jobs", "--search", "nothing-is-called-so")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no job fits\n")


def test_a_job_of_the_controller_is_shown(hud: Command, client: Client) -> None:
    items = [transcript("remote-1", "one"), transcript("remote-1", "two", reward=0.0)]
    record(client, "remote-1", *items)
    done = hud("show", "remote-1")
    assert done.returncode == 0, done.stderr
    assert "Total: 2 tasks × 1 run | Mean: 0.50 | Pass: 1/2 (50%)" in done.stdout
    assert json.loads(hud("show", "remote", "--json").stdout)["id"] == "remote-1"
    assert "it said so" in hud("show", "remote-1", "--rollout", "two.nop.0").stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["no-such-job"], "no job `no-such-job` is known to the controller"),
        (["ambiguous"], "more than one job `ambiguous`"),
        (["ambiguous-1", "--rollout", "x"], "`x`"),
    ],
    ids=["unknown", "ambiguous", "unknown rollout"],
)
def test_a_job_that_cannot_be_shown_is_an_error(
    hud: Command, client: Client, arguments: list[str], reason: str
) -> None:
    for number in (1, 2):
        client.record_job(job(f"ambiguous-{number}", "one"))
    done = hud("show", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr


def test_without_a_controller_only_what_is_here_is_shown(hud: Command) -> None:
    done = nowhere(hud)("show", "anything")
    assert done.returncode == 2
    assert "no evaluation is recorded in .hud/jobs" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["jobs"], ["set", "A=b"], ["set", "A"], ["cancel", "x"], ["cancel", "--all"], ["link", "x"]],
    ids=" ".join,
)
def test_without_a_controller_it_says_how_to_start_one(hud: Command, arguments: list[str]) -> None:
    done = nowhere(hud)(*arguments)
    assert done.returncode == 1
    assert "no controller answers at" in done.stderr
    assert "hint: start it with ./scripts/up.sh" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["local-job", "--yes"], 2, "local-job"),
        (["no-such-job", "--yes"], 2, "no job `no-such-job`"),
        ([], 2, "name a job, or give --all"),
        (["local-job", "--all"], 2, "name a job, or give --all"),
        (["local-job"], 2, "Nobody can be asked"),
        (["--all"], 0, "no job runs at the controller"),
    ],
    ids=["runs elsewhere", "unknown", "nothing", "both", "nobody to ask", "all of none"],
)
def test_only_what_runs_at_the_controller_is_cancelled(
    hud: Command, client: Client, arguments: list[str], status: int, reason: str
) -> None:
    client.record_job(job("local-job", "one"))
    done = hud("cancel", *arguments)
    assert (done.returncode, reason in done.stderr) == (status, True), done.stderr


def test_a_folder_is_linked_to_a_taskset(hud: Command, client: Client) -> None:
    client.save_tasks("linked", [{"slug": "one", "scenario": "count"}])
    assert hud("link", "--taskset", "linked").returncode == 0
    assert json.loads((hud.cwd / ".hud/config.json").read_text()) == {"taskset": "linked"}
    assert hud("link", "--taskset", "no-such").returncode == 2
    assert hud("link").returncode == 2


def test_there_is_nothing_to_log_in_to(hud: Command) -> None:
    done = hud("login")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no account is needed" in done.stderr
    assert hud("login", "--quiet").stderr == ""


@pytest.fixture
def waiting(controller: RunningController, client: Client) -> Iterator[str]:
    """An environment of the workspace whose task takes its time."""
    folder = controller.workspace / "waiting"
    folder.mkdir()
    (folder / "tasks.py").write_text(WAITING_TASK)
    (folder / "env.py").write_text(WAITING)
    settled(client, "waiting")
    yield "waiting"
    shutil.rmtree(folder)


@pytest.mark.slow
def test_what_runs_at_the_controller_is_cancelled(
    hud: Command, client: Client, waiting: str
) -> None:
    request = JobRequest(source=waiting, agents=[Variant(name="nop", agent="nop")])
    first, second, third = (client.start_job(request).job.id for _ in range(3))
    assert hud("cancel", first, "--rollout", "wait.nop.0").returncode == 0
    done = hud("cancel", second, "--yes")
    assert (done.returncode, f"✓ {second} is cancelled" in done.stderr) == (0, True), done.stderr
    done = hud("cancel", "--all", "--yes")
    assert (done.returncode, f"✓ {third} is cancelled" in done.stderr) == (0, True), done.stderr
    assert {client.job(job).job.status for job in (second, third)} == {"cancelled"}

"""`hud eval` and a real controller: remotely, with tasksets, through the gateway, and recorded."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hud.wire import JobView
from hud.wire.tasksets import TaskUpload
from tests import fake_provider
from tests.command import Command
from tests.controller.environments.template import settled
from tests.controller.evaluations.conftest import task, write_letters
from tests.controller.running import RunningController
from tests.controller.sharing import OPENAI_KEY

pytestmark = pytest.mark.slow

SECONDS = 30.0


def until(condition: Callable[[], object]) -> None:
    """Wait for something that is to become true."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def provider() -> Iterator[fake_provider.Running]:
    with fake_provider.running() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def letters(controller: RunningController, provider: fake_provider.Running) -> Iterator[None]:
    """The environment `letters`, two tasksets, and the provider, for whom the controller has a
    key.
    """
    write_letters(controller.workspace / "letters")
    with controller.client() as client:
        settled(client, "letters")
        client.set_secret("OPENAI_BASE_URL", provider.openai_url)
        client.upload("spelling", TaskUpload(tasks=[task("a"), task("b", word="apple")]))
        client.upload("slow", TaskUpload(tasks=[task("quick"), task("long", "wait")]))
        yield
        client.remove_secret("OPENAI_BASE_URL")
    shutil.rmtree(controller.workspace / "letters")


@pytest.fixture
def hud(controller: RunningController, tmp_path: Path) -> Command:
    """The command in a folder with a copy of the environment."""
    shutil.copytree(controller.workspace / "letters", tmp_path / "here")
    return controller.hud(tmp_path / "here")


@pytest.fixture
def inside(controller: RunningController, hud: Command) -> Command:
    """The same in this process, for what the controller does."""
    return controller.inside(hud.cwd)


def newest(controller: RunningController) -> JobView:
    with controller.client() as client:
        return client.jobs(limit=1).items[0]


def test_a_remote_evaluation_looks_like_a_local_one(
    hud: Command, controller: RunningController
) -> None:
    ended = hud("eval", "spelling", "oracle", "--full", "--remote", "--json", "job.json")
    assert ended.returncode == 0, ended.stderr
    assert "Total: 2 tasks × 1 run | Mean: 0.50 | Pass: 1/2 (50%)" in ended.stdout
    assert "[2/2]" in ended.stderr
    written = json.loads((hud.cwd / "job.json").read_text())
    assert {record["id"] for record in written["rollouts"]} == {"a.oracle.0", "b.oracle.0"}
    assert newest(controller).is_remote


def test_a_remote_evaluation_that_has_a_failure_ends_with_1(
    inside: Command, controller: RunningController
) -> None:
    with controller.client() as client:
        client.upload("broken", TaskUpload(tasks=[task("bad", "broken")]))
    ended = inside("eval", "broken", "oracle", "--remote")
    assert ended.returncode == 1
    assert "setup:" in ended.stderr


def test_options_of_isolation_do_not_go_with_remote(inside: Command) -> None:
    ended = inside("eval", "spelling", "nop", "--remote", "--isolation", "spawn")
    assert ended.returncode == 2
    assert "--isolation does not go with --remote" in ended.stderr


def test_an_environment_is_chosen_with_remote_only(inside: Command) -> None:
    ended = inside("eval", "tasks.py", "nop", "--env", "letters")
    assert ended.returncode == 2
    assert "--env goes with --remote" in ended.stderr
    assert "hud eval TASKSET --remote --env letters" in ended.stderr


def test_a_taskset_is_played_in_the_environment_that_was_chosen(
    inside: Command, controller: RunningController
) -> None:
    refused = inside("eval", "spelling", "oracle", "--remote", "--env", "leters")
    assert (refused.returncode, "did you mean `letters`?" in refused.stderr) == (2, True)
    played = inside("eval", "spelling", "oracle", "--remote", "--env", "letters")
    assert played.returncode == 0, played.stderr
    assert newest(controller).job.environment == "letters"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [("nosuch", "no taskset and no environment `nosuch`"), ("tasks.py", "hud sync tasks NAME")],
)
def test_what_the_controller_does_not_have_is_told(
    inside: Command, source: str, complaint: str
) -> None:
    ended = inside("eval", source, "oracle", "--remote")
    assert ended.returncode == 2
    assert complaint in ended.stderr


def test_an_interrupted_command_leaves_the_job_running_and_says_how_to_go_on(
    hud: Command, controller: RunningController
) -> None:
    process = hud.start("eval", "slow", "oracle", "--full", "--remote")
    assert process.stderr is not None
    until(lambda: "[1/2]" in process.stderr.readline())  # type: ignore[union-attr]  # checked above
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=SECONDS)
    view = newest(controller)
    assert process.returncode == 130
    assert f"hud cancel {view.job.id}" in errors
    assert view.job.status == "running"
    with controller.client() as client:
        assert client.cancel_job(view.job.id).job.status == "cancelled"


def test_a_rollout_is_cancelled_by_its_id_and_an_unknown_one_offers_near_ones(
    inside: Command, controller: RunningController
) -> None:
    process = inside.start("eval", "slow/long", "oracle", "--remote")
    assert process.stderr is not None
    job = process.stderr.readline().split()[1]
    unknown = inside("cancel", job, "--rollout", "long.oracle.1")
    assert unknown.returncode == 2
    assert "has no rollout `long.oracle.1`\nhint: did you mean `long.oracle.0`?" in unknown.stderr
    assert inside("cancel", job, "--rollout", "long.oracle.0").returncode == 0
    output, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "Cancelled: 1, not in mean and pass" in output
    assert "✗ [1/1] long #1  cancelled" in errors
    assert "has ended" in inside("cancel", job, "--rollout", "long.oracle.0").stderr


def test_a_taskset_is_played_here_against_instances_of_the_controller(
    hud: Command, controller: RunningController
) -> None:
    ended = hud.within(hud.cwd.parent)("eval", "spelling/a", "oracle", "--group", "2")
    assert ended.returncode == 0, ended.stderr
    assert "Total: 1 task × 2 runs | Mean: 1.00" in ended.stdout
    assert not newest(controller).is_remote


SCRIPT = """
import asyncio
import hud

async def main():
    async with hud.eval("spelling/a") as ctx:
        await ctx.submit("3")
    print(ctx.prompt, ctx.reward)
    async with hud.eval("spelling") as ctx:
        await ctx.submit("3")
    print([one.reward for one in ctx.results])

asyncio.run(main())
"""

SEVERAL = """
import asyncio
import hud
from tasks import tasks

async def main():
    said = {"model": ["right", "wrong"]}
    async with hud.eval(tasks[0], name="both", variants=said, group=2, trace=TRACE) as ctx:
        await ctx.submit("3" if ctx.variants["model"] == "right" else "7")
    print([one.reward for one in ctx.results])

asyncio.run(main())
"""


def test_an_authors_program_plays_tasksets_and_their_tasks_by_name(
    hud: Command, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(SCRIPT)
    python = Command((sys.executable, "-P"), tmp_path, hud.env)
    ended = python("program.py")
    assert ended.stdout.splitlines() == ["How many 'r' in 'strawberry'? 1.0", "[1.0, 0.0]"], (
        ended.stderr
    )


@pytest.mark.parametrize("trace", [False, True])
def test_what_an_authors_program_plays_several_times_is_recorded_unless_it_says_no(
    hud: Command, controller: RunningController, trace: bool
) -> None:
    (hud.cwd / "several.py").write_text(SEVERAL.replace("TRACE", str(trace)))
    ended = Command((sys.executable,), hud.cwd, hud.env)("several.py")
    assert ended.stdout == "[1.0, 1.0, 0.0, 0.0]\n", ended.stderr
    assert (hud.cwd / ".hud").exists() == trace
    view = newest(controller)
    assert (view.job.name == "both") == trace
    if trace:
        assert (view.job.status, view.totals.ended) == ("finished", 4)
        assert [variant.model for variant in view.job.variants] == ["right", "wrong"]
        with controller.client() as client:
            transcript = client.transcript(view.job.id, "strawberry.wrong.1")
        assert (transcript.rollout.reward, transcript.rollout.answer) == (0.0, "7")


def test_where_no_controller_is_known_a_program_writes_nothing(hud: Command) -> None:
    (hud.cwd / "several.py").write_text(SEVERAL.replace("TRACE", "True"))
    alone = Command((sys.executable,), hud.cwd, hud.env | {"HUD_HOME": str(hud.cwd / "nowhere")})
    assert alone("several.py").returncode == 0
    assert not (hud.cwd / ".hud").exists()


def test_a_local_evaluation_is_recorded(hud: Command, controller: RunningController) -> None:
    ended = hud("eval", "tasks.py", "oracle", "--full", "--taskset", "spelling")
    assert ended.returncode == 0, ended.stderr
    view = newest(controller)
    assert (view.job.status, view.totals.scored, view.taskset) == ("finished", 3, "spelling")
    assert view.job.command[:2] == ["hud", "eval"]
    with controller.client() as client:
        transcript = client.transcript(view.job.id, "apple.oracle.0")
    assert [step.name for step in transcript.steps] == ["setup", "grade"]


def test_models_are_asked_through_the_gateway_which_counts_and_caches(
    hud: Command, controller: RunningController, provider: fake_provider.Running
) -> None:
    provider.control(reset=True, default="fixed:3")
    for _ in range(2):
        ended = hud("eval", "tasks.py", "openai", "-m", "gpt-5.4", "--full", "--cache")
        assert ended.returncode == 0, ended.stderr
    assert provider.stats["requests"] == 3
    with controller.client() as client:
        second, first = client.jobs(limit=2).items
        (asked,) = client.usage(first.job.id)
        (cached,) = client.usage(second.job.id)
    assert (asked.requests, asked.from_cache, cached.from_cache) == (3, 0, 3)
    assert asked.usage.input_tokens == 3 * fake_provider.INPUT
    assert OPENAI_KEY not in "".join(path.read_text() for path in hud.cwd.rglob("*.json*"))


def test_repetitions_are_asked_for_once_each_although_answers_are_cached(
    inside: Command, controller: RunningController, provider: fake_provider.Running
) -> None:
    provider.control(reset=True, default="fixed:3")
    where = ("spelling", "gpt-5.4~fixed:3", "--remote", "--task-ids", "a")
    for _ in range(2):
        ended = inside("eval", *where, "--group-size", "3", "--cache", "--max-steps", "9")
        assert ended.returncode == 0, ended.stderr
    assert provider.stats["requests"] == 3


def test_json_tasks_run_in_the_controllers_environment_of_their_name(
    hud: Command, tmp_path: Path
) -> None:
    path = tmp_path / "elsewhere" / "tasks.json"
    path.parent.mkdir()
    path.write_text(json.dumps([task("a")]))
    for isolation in ("fork", "shared"):
        ended = hud("eval", str(path), "oracle", "--full", "--isolation", isolation)
        assert "Pass: 1/1 (100%)" in ended.stdout, ended.stderr
    path.write_text(json.dumps([task("a") | {"env": {"name": "lettres"}}]))
    ended = hud("eval", str(path), "oracle", "--full")
    assert ended.returncode == 2
    assert "there is no environment `lettres` here, nor at the controller" in ended.stderr
    assert "hint: did you mean `letters`?" in ended.stderr


def test_a_remote_evaluation_asks_models_with_the_controllers_key(
    inside: Command, controller: RunningController, provider: fake_provider.Running
) -> None:
    provider.control(reset=True, default="fixed:3")
    ended = inside("eval", "spelling", "gpt-5.4", "--full", "--remote")
    assert ended.returncode == 0, ended.stderr
    assert provider.requests[0]["headers"]["authorization"] == f"Bearer {OPENAI_KEY}"
    with controller.client() as client:
        (asked,) = client.usage(newest(controller).job.id)
    assert asked.requests == 2


def test_models_lists_the_providers(inside: Command) -> None:
    ended = inside("models")
    assert ended.returncode == 0, ended.stderr
    assert "ANTHROPIC_API_KEY is not set" in ended.stdout

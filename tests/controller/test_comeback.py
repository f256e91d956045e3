"""A controller that is killed in the middle of everything, and started again: what was there before
is there afterwards, what was under way goes on or says that it ended.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hud.client import Client
from hud.dev.caller import Caller
from hud.errors import ControllerUnavailable
from hud.wire import RolloutRecord
from hud.wire.platform import DebugRequest
from hud.wire.tasksets import TaskUpload
from tests.command import Command
from tests.controller.environments.template import (
    call,
    connected,
    deployed,
    processes_of,
    put,
    settled,
    source,
    until,
)
from tests.controller.evaluations.conftest import task, write_letters
from tests.controller.running import RunningController, free_port, running_controller

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("comeback")]

SECONDS = 60.0
STUCK = "import time, hud\ntime.sleep(600)\nenv = hud.Environment('stuck')"
NUMBER = 10
SLOW = f"""
import asyncio
from hud import Environment

env = Environment("slow")

@env.scenario("pause")
async def pause(number: int):
    await asyncio.sleep(0.2)
    yield "go on"
    yield 1.0

tasks = [pause.task(number=number).copy(slug=f"t-{{number}}") for number in range({NUMBER})]
"""


@dataclass(frozen=True)
class Comeback:
    """The controller that came back, and what was under way when the one before it was killed."""

    controller: RunningController
    token: str
    """Of the one before."""
    caller: Caller
    """A client with a session at `steady`, whose file was changed in between."""
    examination: str
    """Of an environment that does not load."""
    remote: subprocess.Popen[str]
    """`hud eval --remote`."""
    ended: dict[str, RolloutRecord]
    """Rollouts of that which had ended."""
    user: Command
    """Whose local evaluation was being recorded."""
    arrived: dict[str, RolloutRecord]
    """Rollouts of that which had arrived."""
    told: str
    """What the user was told when it ended without a controller."""

    @property
    def recorded(self) -> str:
        """The id of the local evaluation."""
        (folder,) = (self.user.cwd / ".hud/jobs").iterdir()
        return folder.name


def rollouts(client: Client, variant: str, least: int) -> dict[str, RolloutRecord]:
    """The rollouts of an agent by id, once there are so many."""

    def look() -> dict[str, RolloutRecord] | None:
        found = client.rollouts(variant=variant, limit=100)
        assert len({one.id for one in found.items}) == found.total
        return {one.id: one for one in found.items} if found.total >= least else None

    return until(look)


@pytest.fixture(scope="module")
def comeback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comeback]:
    """All of it, once."""
    folder, home = tmp_path_factory.mktemp("killed"), tmp_path_factory.mktemp("user")
    ports = {"HUD_API_PORT": str(free_port()), "HUD_MCP_PORT": str(free_port())}
    workspace = folder / "workspace"
    write_letters(workspace / "letters")
    put(workspace, "stuck").write_text(STUCK)
    steady = put(workspace, "steady", 1)
    (home / "tasks.py").write_text(SLOW)
    with running_controller(folder, **ports) as first, first.client() as client:
        caller = connected(f"{first.mcp_url}/steady/mcp")
        speller = put(home / "mine", "speller", 1).parent
        assert deployed(client, speller).status == "passed"
        run = client.start_debug_run(DebugRequest(target="stuck"))
        client.upload("slow", TaskUpload(tasks=[task("quick"), task("long", "wait")]))
        user = first.hud(home).having(HUD_HOME=str(home), HUD_API_KEY=first.token)
        with (
            user.start("eval", "slow", "oracle", "--full", "--remote", "--group", "2") as remote,
            user.start("eval", "tasks.py", "nop", "--full", "--max-concurrent", "1") as local,
        ):
            until(lambda: client.debug_run(run.id).phases or None)
            settled(client, "steady")
            assert call(caller, "version") == "1"
            ended = rollouts(client, "oracle", 2)
            arrived = rollouts(client, "nop", 2)
            token = first.token
            first.process.kill()
            first.process.wait(SECONDS)
            with pytest.raises(ControllerUnavailable):
                client.jobs()
            until(lambda: None if processes_of(folder) else True)
            output, told = local.communicate(timeout=SECONDS)
            assert (local.returncode, f"Total: {NUMBER} tasks" in output) == (0, True), told
            (workspace / "stuck/env.py").unlink()
            (workspace / "letters/go").touch()
            steady.write_text(source("steady", 2))
            with running_controller(folder, **ports) as second:
                yield Comeback(second, token, caller, run.id, remote, ended, user, arrived, told)
    assert processes_of(folder) == []


@pytest.fixture
def client(comeback: Comeback) -> Iterator[Client]:
    """A client of the one that came back."""
    with comeback.controller.client() as client:
        yield client


def test_the_token_stays_the_same(comeback: Comeback, client: Client) -> None:
    assert comeback.controller.token == comeback.token
    assert client.storage().jobs == 2


def test_a_clients_session_goes_on_with_the_code_as_it_is_now(
    comeback: Comeback, client: Client
) -> None:
    settled(client, "steady")
    assert call(comeback.caller, "version") == "2"


def test_registered_environments_are_still_there(comeback: Comeback, client: Client) -> None:
    assert client.environment("speller").version == 1
    url = f"{comeback.controller.mcp_url}/hub/x/speller/mcp"
    assert call(connected(url), "version") == "1"


def test_an_examination_says_that_it_ended(comeback: Comeback, client: Client) -> None:
    error = client.debug_run(comeback.examination).error
    assert error == "the controller ended before the examination did"


def test_a_remote_evaluation_goes_on_and_so_does_its_command(
    comeback: Comeback, client: Client
) -> None:
    output, errors = comeback.remote.communicate(timeout=SECONDS)
    assert comeback.remote.returncode == 0, errors
    assert "Total: 2 tasks × 2 runs | Mean: 1.00 | Pass: 4/4" in output
    after = rollouts(client, "oracle", 4)
    assert len(after) == 4
    assert comeback.ended.items() <= after.items()


def test_a_local_evaluation_arrives_whole_and_once(comeback: Comeback, client: Client) -> None:
    assert "the next `hud eval` sends it" in comeback.told
    page = json.loads(comeback.user("jobs", "--json").stdout)
    statuses = {view["job"]["id"]: view["job"]["status"] for view in page["items"]}
    assert statuses[comeback.recorded] == "finished"
    assert client.job(comeback.recorded).totals.ended == NUMBER
    kept = rollouts(client, "nop", NUMBER)
    assert 1 < len(comeback.arrived) < NUMBER == len(kept)
    assert comeback.arrived.items() <= kept.items()

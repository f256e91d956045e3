"""What happens to environments' containers when the controller is killed and comes back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hud.client import Client
from hud.containers.custody import KEPT_FOR
from hud.dev.caller import Caller
from tests.controller.environments.template import (
    REPOSITORY,
    call,
    connected,
    put,
    settled,
    source,
    until,
)
from tests.controller.running import RunningController, free_port, running_controller

pytestmark = [pytest.mark.docker, pytest.mark.slow]

BUILD_SECONDS = 400.0
ENGINE = {"DOCKER_HOST": os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")}
RECIPE = (REPOSITORY / "env_template/Dockerfile").read_text()
PROJECT = '[project]\nname = "{name}"\nversion = "0"\ndependencies = ["hud-local"]\n'


def ports() -> dict[str, str]:
    return {"HUD_API_PORT": str(free_port()), "HUD_MCP_PORT": str(free_port()), **ENGINE}


def put_contained(workspace: Path, name: str) -> Path:
    """An environment with a Dockerfile; returns its file."""
    file = put(workspace, name, pyproject=PROJECT.format(name=name))
    (file.parent / "Dockerfile").write_text(RECIPE)
    return file


def containers(name: str) -> set[str]:
    """The ids of the containers that are kept for an environment."""
    command = ["docker", "ps", "-aq", "--no-trunc", "--filter", f"label={KEPT_FOR}={name}"]
    return set(subprocess.check_output(command, text=True).split())


def served(controller: RunningController, client: Client, name: str) -> Caller:
    until(lambda: running(client, name), BUILD_SECONDS)
    return connected(f"{controller.mcp_url}/{name}/mcp")


def running(client: Client, name: str) -> bool | None:
    record = client.environment(name)
    assert record.state != "failed", record.reason
    return True if record.state == "running" else None


def kill(controller: RunningController) -> None:
    controller.process.send_signal(signal.SIGKILL)
    controller.process.wait(10)


@pytest.mark.parametrize("encloses", [False, True], ids=["on-the-host", "in-a-container"])
def test_a_killed_controllers_container_goes_on_with_what_it_holds_for_its_clients(
    tmp_path: Path, encloses: bool
) -> None:
    outside = {"HUD_HOST_WORKSPACE": str(tmp_path / "workspace")} if encloses else {}
    fixed = outside | ports()
    file = put_contained(tmp_path / "workspace", "kept-state")
    with running_controller(tmp_path, **fixed) as first, first.client() as client:
        caller = served(first, client, "kept-state")
        assert [call(caller, "bump") for _ in range(2)] == ["1", "2"]
        caller.ask("prompts/get", {"name": "kept-state:spell", "arguments": {"word": "owl"}})
        held = containers("kept-state")
        kill(first)
    with running_controller(tmp_path, **fixed) as second, second.client() as client:
        settled(client, "kept-state")
        assert call(caller, "bump") == "3"
        given = {"scenario": "kept-state:spell", "answer": "owl"}
        caller.ask("tools/call", {"name": "_hud_submit", "arguments": given})
        graded = caller.ask("resources/read", {"uri": "kept-state:spell"})
        assert json.loads(graded["contents"][0]["text"])["reward"] == 1.0
        assert containers("kept-state") == held
        file.write_text(source("kept-state", 7))
        until(lambda: True if call(caller, "version") == "7" else None)
        assert containers("kept-state") == held
    assert containers("kept-state") == set()


def test_a_container_is_taken_over_only_as_far_as_it_fits(tmp_path: Path) -> None:
    fixed = ports()
    file = put_contained(tmp_path / "workspace", "kept-state")
    with running_controller(tmp_path, **fixed) as first, first.client() as client:
        caller = served(first, client, "kept-state")
        held = containers("kept-state")
        kill(first)
    file.write_text(source("kept-state", 5))
    with running_controller(tmp_path, **fixed) as second, second.client() as client:
        settled(client, "kept-state")
        assert (call(caller, "version"), containers("kept-state")) == ("5", held)
        assert [build.cause for build in client.builds().items] in ([], ["first start"])
        kill(second)
    file.with_name("Dockerfile").write_text(f"{RECIPE}ENV MEANWHILE=1\n")
    with running_controller(tmp_path, **fixed) as third, third.client() as client:
        until(lambda: running(client, "kept-state"), BUILD_SECONDS)
        assert call(caller, "bump") == "1"
        replaced = containers("kept-state")
        assert (len(replaced), replaced & held) == (1, set())
        kill(third)
    shutil.rmtree(file.parent)
    with running_controller(tmp_path, **fixed):
        until(lambda: True if not containers("kept-state") else None)


def test_what_nobody_takes_over_is_removed_by_hud_clean(tmp_path: Path) -> None:
    put_contained(tmp_path / "workspace", "kept-state")
    with running_controller(tmp_path, **ports()) as controller, controller.client() as client:
        served(controller, client, "kept-state")
        kill(controller)
        hud = controller.hud(tmp_path).having(**ENGINE)
        assert hud("ps").returncode == 0
        assert len(containers("kept-state")) == 1
        assert "removed what dead processes had left" in hud("clean").stderr
    assert containers("kept-state") == set()


@pytest.fixture(scope="module", autouse=True)
def _images_go() -> Iterator[None]:
    yield
    subprocess.run(["docker", "rmi", "-f", "kept-state"], check=True, capture_output=True)

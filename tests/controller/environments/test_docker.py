"""Environments with a Dockerfile, at an engine."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from hud.dev.caller import Caller
from tests.controller.environments.template import (
    call,
    connected,
    put_template,
    settled,
    until,
)
from tests.controller.running import free_port, running_controller

pytestmark = [pytest.mark.docker, pytest.mark.slow]

BUILD_SECONDS = 400.0
ENGINE = {"DOCKER_HOST": os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")}
COUNTS = "text.lower().count(letter.lower())"


def containers() -> set[str]:
    """The ids of containers that hud made."""
    command = ["docker", "ps", "-aq", "--filter", "label=hud.owner"]
    return set(subprocess.check_output(command, text=True).split())


def counted(caller: Caller) -> str:
    """What the template's tool answers."""
    return call(caller, "count_letter", text="Strawberry", letter="r")


def test_a_container_is_built_reloaded_and_replaced_after_the_controllers_death(
    tmp_path: Path,
) -> None:
    ports = {"HUD_API_PORT": str(free_port()), "HUD_MCP_PORT": str(free_port()), **ENGINE}
    file = put_template(tmp_path / "workspace", "letters", dockerfile=True)
    before = containers()
    with running_controller(tmp_path, **ports) as first, first.client() as client:
        record = until(lambda: _running(client.environment("letters").state), BUILD_SECONDS)
        record = client.environment("letters")
        assert record.runs_in == "container", record
        builds = client.builds(environment="letters").items
        assert [(one.status, one.cause) for one in builds] == [("passed", "first start")]
        assert client.build_log(builds[0].id).lines
        caller = connected(f"{first.mcp_url}/letters/mcp")
        assert counted(caller) == "3"
        file.write_text(file.read_text().replace(COUNTS, "41"))
        until(lambda: True if counted(caller) == "41" else None)
        held = containers() - before
        assert len(held) == 1
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(10)
    with running_controller(tmp_path, **ports) as second, second.client() as client:
        settled(client, "letters")
        assert counted(caller) == "41"
        assert not held & containers()
        assert len(containers() - before) == 1
    assert containers() == before


def _running(state: str) -> bool | None:
    assert state != "failed"
    return True if state == "running" else None

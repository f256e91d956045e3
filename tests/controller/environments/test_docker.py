"""Environments with a Dockerfile, at an engine."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from hud.dev.caller import Caller
from tests.controller.environments.template import (
    REPOSITORY,
    call,
    connected,
    put,
    put_template,
    settled,
    until,
)
from tests.controller.running import free_port, running_controller

pytestmark = [pytest.mark.docker, pytest.mark.slow]

BUILD_SECONDS = 400.0
ENGINE = {"DOCKER_HOST": os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")}
CANARY = "canary-81b2e0f3c5"
DECLARES = """[project]
name = "sealed"
version = "0"
dependencies = ["hud-local"]
[tool.hud]
variables = ["API_TOKEN"]
"""
RECIPE = (
    (REPOSITORY / "env_template/Dockerfile").read_text()
    + """
RUN --mount=type=secret,id=API_TOKEN echo "reads $(cat /run/secrets/API_TOKEN)"
"""
)
COUNTS = "text.lower().count(letter.lower())"


def containers() -> set[str]:
    """The ids of containers that hud made."""
    command = ["docker", "ps", "-aq", "--filter", "label=hud.owner"]
    return set(subprocess.check_output(command, text=True).split())


def counted(caller: Caller) -> str:
    """What the template's tool answers."""
    return call(caller, "count_letter", text="Strawberry", letter="r")


@pytest.mark.parametrize("encloses", [False, True], ids=["on-the-host", "in-a-container"])
def test_a_container_is_built_reloaded_and_taken_over_after_the_controllers_death(
    tmp_path: Path, encloses: bool
) -> None:
    """Told that it lives in a container, the controller reaches others through tunnels only."""
    outside = {"HUD_HOST_WORKSPACE": str(tmp_path / "workspace")} if encloses else {}
    ports = outside | {"HUD_API_PORT": str(free_port()), "HUD_MCP_PORT": str(free_port()), **ENGINE}
    file = put_template(tmp_path / "workspace", "letters", dockerfile=True)
    before = containers()
    with running_controller(tmp_path, **ports) as first, first.client() as client:
        until(lambda: _running(client.environment("letters").state), BUILD_SECONDS)
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
        assert containers() - before == held
        builds = client.builds(environment="letters").items
        assert [one.cause for one in builds] == ["first start"]
    assert containers() == before
    subprocess.run(["docker", "rmi", "-f", "letters"], check=True, capture_output=True)


def _running(state: str) -> bool | None:
    assert state != "failed"
    return True if state == "running" else None


def test_a_secret_of_a_build_is_in_no_layer_and_its_container_gets_it(tmp_path: Path) -> None:
    file = put(tmp_path / "workspace", "sealed", pyproject=DECLARES)
    # A step that an earlier build has run already would print nothing.
    recipe = RECIPE.replace("reads", f"{tmp_path.name} reads")
    (file.parent / "Dockerfile").write_text(recipe)
    with running_controller(tmp_path, **ENGINE) as running, running.client() as client:
        client.set_secret("API_TOKEN", CANARY)
        until(lambda: _running(client.environment("sealed").state), BUILD_SECONDS)
        caller = connected(f"{running.mcp_url}/sealed/mcp")
        assert call(caller, "show", name="API_TOKEN") == CANARY
        build = client.builds(environment="sealed").items[0]
        log = "\n".join(client.build_log(build.id).lines)
        assert "reads [secret]" in log
        history = subprocess.check_output(["docker", "history", "--no-trunc", "sealed"])
        layers = subprocess.check_output(["docker", "save", "sealed"])
        told = [log.encode(), history, layers, build.model_dump_json().encode()]
        assert [text[:200] for text in told if CANARY.encode() in text] == []
    subprocess.run(["docker", "rmi", "-f", "sealed"], check=True, capture_output=True)


def test_a_deployed_image_is_the_one_that_was_built_with_arguments_and_secrets(
    tmp_path: Path,
) -> None:
    recipe = f"""{RECIPE}ARG FLAVOUR
RUN test "$FLAVOUR" = lemon
"""
    folder = tmp_path / "here"
    put_template(folder, "flavoured", dockerfile=True).parent.joinpath("Dockerfile").write_text(
        recipe
    )
    with running_controller(tmp_path, **ENGINE) as controller, controller.client() as client:
        hud = controller.hud(folder).having(API_TOKEN=CANARY)
        given = ("--build-arg", "FLAVOUR=lemon", "--secret", "id=API_TOKEN,env=API_TOKEN")
        done = hud("deploy", "flavoured", "--name", "flavoured", *given, timeout=BUILD_SECONDS)
        assert done.returncode == 0, done.stderr
        assert client.environment("flavoured").runs_in == "container"
        assert CANARY not in done.stderr
        caller = connected(f"{controller.mcp_url}/hub/local/flavoured/mcp")
        assert counted(caller) == "3"
        image = client.versions("flavoured")[0].image
    subprocess.run(["docker", "rmi", "-f", str(image)], check=True, capture_output=True)

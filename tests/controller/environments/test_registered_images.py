"""Evaluations of environments with images: built with secrets, built again, and cancelled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hud.client import Client
from hud.containers.labels import RUN
from hud.errors import HudError
from hud.wire import JobRequest, JobView, Variant
from hud.wire.platform import DebugRequest
from tests.controller.environments.template import REPOSITORY, put_template, settled, until
from tests.controller.running import RunningController, running_controller

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SECONDS = 300.0
ENGINE = {"DOCKER_HOST": os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")}
PROJECT = (REPOSITORY / "env_template/pyproject.toml").read_text()
DECLARES = PROJECT.replace("variables = []", 'variables = ["API_TOKEN"]')
NEEDS_SECRET = "RUN --mount=type=secret,id=API_TOKEN test -s /run/secrets/API_TOKEN && : {mark}\n"
NEEDS_ARGUMENT = 'ARG FLAVOUR\nRUN test "$FLAVOUR" = lemon\n'
ASKS = "    answer = yield"
SLOW = f"""    if word == "mississippi":
        import asyncio
        await asyncio.sleep(600)
{ASKS}"""
ORACLE = Variant(name="oracle", agent="oracle")


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    """A controller with an environment `stored` that is registered, and a secret."""
    folder = tmp_path_factory.mktemp("images")
    with running_controller(folder, **ENGINE) as running, running.client() as client:
        client.set_secret("API_TOKEN", "canary-of-the-build")
        file = _put(folder / "here", "stored")
        file.write_text(file.read_text().replace(ASKS, SLOW))
        recipe = file.with_name("Dockerfile")
        recipe.write_text(recipe.read_text() + NEEDS_ARGUMENT)
        hud = running.hud(folder / "here")
        given = ("--build-arg", "FLAVOUR=lemon")
        done = hud("deploy", "stored", "--name", "stored", *given, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        yield running
        images = [str(version.image) for version in client.versions("stored")]
    subprocess.run(["docker", "rmi", "-f", *images, "worked-on"], check=True, capture_output=True)


def _put(folder: Path, name: str) -> Path:
    """An environment whose build needs a secret; returns its file."""
    file = put_template(folder, name, dockerfile=True)
    file.write_text(file.read_text().replace("letter-counter", name))
    file.with_name("pyproject.toml").write_text(DECLARES)
    _mark(file.with_name("Dockerfile"), folder.parent.name)
    return file


def _mark(recipe: Path, mark: str) -> None:
    """Let the last step be one that no build has run."""
    text = (REPOSITORY / "env_template/Dockerfile").read_text()
    recipe.write_text(text + NEEDS_SECRET.format(mark=mark))


def _begin(client: Client, source: str, task: str) -> str:
    request = JobRequest(source=source, agents=[ORACLE], task_ids=[task])
    return client.start_job(request).job.id


def _evaluated(client: Client, source: str, task: str) -> JobView:
    """A job of one task, once it has ended."""
    job = _begin(client, source, task)

    def look() -> JobView | None:
        view = client.job(job)
        return view if view.job.status != "running" else None

    return until(look, SECONDS)


def _containers() -> set[str]:
    """Containers of evaluations and examinations."""
    form = f'{{{{.Names}}}} {{{{.Label "{RUN}"}}}}'
    shown = subprocess.check_output(["docker", "ps", "--format", form], text=True)
    pairs = [line.split(" ", 1) for line in shown.splitlines()]
    return {name for name, run in pairs if name.startswith("hud-") and not run.startswith("dev-")}


def test_the_build_of_a_workspaces_image_for_an_evaluation_gets_its_secrets(
    controller: RunningController, client: Client
) -> None:
    file = _put(controller.workspace, "worked-on")
    until(lambda: client.environment("worked-on").state == "running" or None, SECONDS)
    client.stop_environment("worked-on")
    settled(client, "worked-on", "stopped")
    _mark(file.with_name("Dockerfile"), f"{controller.folder.name} once more")
    assert _evaluated(client, "worked-on", "strawberry-r").totals.mean == 1.0
    builds = client.builds(environment="worked-on").items
    assert [(build.cause, build.status) for build in builds] == [
        ("evaluation", "passed"),
        ("first start", "passed"),
    ]


def test_the_image_of_a_registered_version_is_built_again_when_it_is_gone(
    controller: RunningController, client: Client
) -> None:
    image = str(client.versions("stored")[0].image)
    assert _evaluated(client, "stored", "strawberry-r").totals.mean == 1.0
    subprocess.run(["docker", "rmi", "-f", image], check=True, capture_output=True)
    for _ in range(2):
        assert _evaluated(client, "stored", "strawberry-r").totals.mean == 1.0
    rebuilt, *others = client.builds(environment="stored").items
    assert rebuilt.cause == "its image is gone from the engine"
    assert (rebuilt.status, rebuilt.image, len(others)) == ("passed", image, 1)


def test_a_rollout_and_an_examination_that_are_under_way_in_containers_are_cancelled(
    controller: RunningController, client: Client
) -> None:
    hud = controller.hud(controller.folder)
    job = _begin(client, "stored", "mississippi-s")
    rollout = "mississippi-s.oracle.0"
    until(lambda: True if _containers() else None, SECONDS)
    assert hud("cancel", job, "--rollout", rollout).returncode == 0
    view = until(lambda: view if (view := client.job(job)).job.status != "running" else None)
    assert view.totals.cancelled == 1
    until(lambda: True if not _containers() else None)
    run = client.start_debug_run(DebugRequest(target="stored")).id
    until(lambda: True if _containers() else None, SECONDS)
    assert hud("cancel", run, "--yes").returncode == 0
    assert client.debug_run(run).status == "cancelled"
    until(lambda: True if not _containers() else None)


def test_a_version_whose_files_are_gone_is_to_be_deployed_again(
    controller: RunningController, client: Client
) -> None:
    shutil.rmtree(controller.folder / "data/deployed/stored")
    with pytest.raises(HudError, match="the files of version 1 of `stored` are gone") as caught:
        _begin(client, "stored", "strawberry-r")
    assert caught.value.hint == "deploy it again: hud deploy"

"""`hud build --sdk local`: a project that asks for `hud-python` gets this SDK in its place."""

from __future__ import annotations

import shutil
import subprocess

import anyio
import pytest

import hud
from hud import Environment
from hud.types import MCPToolCall, Trace
from tests.command import Command
from tests.docker.images import ENVIRONMENTS

pytestmark = [pytest.mark.docker, pytest.mark.slow]

IMAGE = "hud-test-in-place:latest"


def inside(*words: str) -> str:
    command = ["docker", "run", "--rm", "--network", "none", IMAGE, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_the_image_of_an_unchanged_project_runs_on_this_sdk(hud_cli: Command) -> None:
    folder = hud_cli.cwd / "in-place"
    shutil.copytree(ENVIRONMENTS / "original", folder)
    built = hud_cli("build", str(folder), "--sdk", "local", "--tag", IMAGE, timeout=600)
    assert built.returncode == 0, built.stdout + built.stderr
    assert inside("hud", "--version") == hud.__version__
    asked = "from importlib.metadata import version; print(version('hud-python'))"
    assert inside("python", "-c", asked) == "0.5.41"
    trace = anyio.run(play)
    assert (trace.reward, trace.error) == (1.0, None)
    again = hud_cli("build", str(folder), "--sdk", "local", "--tag", IMAGE, timeout=600)
    assert "is up to date" in again.stderr + again.stdout


async def play() -> Trace:
    task = Environment("letters-v5").connect_image(IMAGE)("echo", expected='{"total": 3}')
    task.validation = [MCPToolCall(name="submit", arguments={"answer": '{"total": 3}'})]
    return await task.run("oracle")


def test_a_requirement_without_an_upper_bound_gets_this_sdk(hud_cli: Command) -> None:
    folder = hud_cli.cwd / "unbounded"
    shutil.copytree(ENVIRONMENTS / "original", folder)
    recipe = (folder / "Dockerfile").read_text()
    (folder / "Dockerfile").write_text(recipe.replace("hud-python==0.5.41", "'hud-python>=0.5'"))
    built = hud_cli("build", str(folder), "--tag", IMAGE, timeout=600)
    assert built.returncode == 0, built.stdout + built.stderr
    assert inside("hud", "--version") == hud.__version__
    trace = anyio.run(play)
    assert (trace.reward, trace.error) == (1.0, None)

"""What every test shares: a new user's environment, the real command, and the `docker` lane."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import NOWHERE, Command, plain_environment
from tests.forking import Forking, forking

PROVIDERS = ("OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "OPENROUTER_")
REQUIRE_DOCKER = "HUD_REQUIRE_DOCKER"
REQUIRED = (REQUIRE_DOCKER, "HUD_REQUIRE_CONFORMANCE", "HUD_REQUIRE_POSTGRES")


def pytest_configure(config: pytest.Config) -> None:
    """Forget the developer's keys and settings before anything of ours is imported."""
    for name in list(os.environ):
        if name.startswith((*PROVIDERS, "HUD_")) and name not in REQUIRED:
            del os.environ[name]
    os.environ["HUD_HOME"] = str(config.rootpath / "tests" / "no-such-home")
    os.environ["HUD_API_URL"] = NOWHERE
    config.pluginmanager.import_plugin("tests.controller.sharing")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the `docker` lane where no engine answers, or fail it where one has to."""
    if item.get_closest_marker("docker") and (reason := _why_no_docker()):
        (pytest.fail if os.environ.get(REQUIRE_DOCKER) == "1" else pytest.skip)(reason)


@functools.cache
def _why_no_docker() -> str | None:
    if not shutil.which("docker"):
        return "needs a container engine: there is no `docker` command"
    question = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return "needs a container engine: this one does not answer"
    return f"needs a container engine: {answer.stderr.strip()}" if answer.returncode else None


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def python(tmp_path: Path) -> Command:
    """A fresh interpreter in an empty folder, as a new user has it."""
    home, folder = tmp_path / "home", tmp_path / "folder"
    home.mkdir()
    folder.mkdir()
    return Command((sys.executable, "-P"), folder, plain_environment(home))


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forking]:
    """An interpreter that has the libraries of `hud` loaded."""
    with forking(plain_environment(tmp_path_factory.mktemp("home"))) as ready:
        yield ready


@pytest.fixture
def hud_cli(python: Command, interpreter: Forking) -> Command:
    """The real `hud` command in an empty folder: `hud_cli("eval", "tasks.py")`."""
    return Command((*python.argv, "-m", "hud.cli"), python.cwd, python.env, interpreter)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share the engine in one worker: they count its containers.

    First of all hooks, because xdist looks for groups in its own.
    """
    for item in items:
        if item.get_closest_marker("docker") or item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.xdist_group("engine"))

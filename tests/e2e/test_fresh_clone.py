"""The README's first command in a fresh clone, and the wheel that is built from it."""

from __future__ import annotations

import os
import shutil
import socket
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import ROOT, Command, plain_environment
from tests.controller.running import free_port
from tests.test_repository import FILES

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PORTS = ("HUD_API_PORT", "HUD_DASHBOARD_PORT")
PROJECT = "hud-test-clone"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """`sh` in a copy of what git keeps, as a new user who can reach this machine's packages."""
    folder, home = tmp_path_factory.mktemp("a clone"), tmp_path_factory.mktemp("home")
    for path in FILES:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    packages = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_", "REQUESTS_", "DOCKER_"))
    }
    ports = {name: str(free_port()) for name in (*PORTS, "HUD_MCP_PORT")}
    env = {**plain_environment(home), **packages, **ports, "PATH": os.environ["PATH"]}
    env["COMPOSE_PROJECT_NAME"] = PROJECT
    del env["PYTHONPATH"], env["HUD_API_URL"]
    command = Command(("sh", "-c"), folder, env)
    try:
        yield command
    finally:
        command("./scripts/up.sh --stop", timeout=60)
        shutil.rmtree(folder)


def addresses(clone: Command) -> list[str]:
    """What answers at the ports."""
    texts = []
    for name, path in zip(PORTS, ("api/v1/health", "_stcore/health"), strict=True):
        url = f"http://127.0.0.1:{clone.env[name]}/{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            texts.append(answer.read().decode())
    return texts


def test_one_command_installs_and_starts_all_of_it(clone: Command) -> None:
    first = clone("./scripts/up.sh --local", timeout=300)
    assert first.returncode == 0, first.stderr
    assert "as processes of this machine" in first.stderr
    assert "3/3       1.00" in first.stdout
    assert addresses(clone)[1] == "ok"


def test_the_second_run_installs_and_starts_nothing(clone: Command) -> None:
    numbers = "cat .hud/up/*.pid"
    before = clone(numbers).stdout
    second = clone("./scripts/up.sh", timeout=60)
    assert (second.returncode, "installing" in second.stderr) == (0, False)
    assert "3/3       1.00" in second.stdout
    assert clone(numbers).stdout == before


def test_a_controller_that_was_killed_is_brought_back(clone: Command) -> None:
    killed = clone("kill -9 $(cat .hud/up/controller.pid) && ./scripts/up.sh --local", timeout=60)
    assert killed.returncode == 0, killed.stderr
    assert "3/3       1.00" in killed.stdout


def test_stopping_ends_all_of_it_and_a_taken_port_is_named(clone: Command) -> None:
    stopped = clone("./scripts/up.sh --stop", timeout=60)
    assert (stopped.returncode, stopped.stdout) == (0, "")
    with pytest.raises(urllib.error.URLError):
        addresses(clone)
    port = int(clone.env["HUD_API_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        refused = clone("./scripts/up.sh --local", timeout=60)
    assert refused.returncode == 1
    assert f"error: port {port} is taken" in refused.stderr


@pytest.mark.docker
def test_with_an_engine_it_starts_in_containers(clone: Command) -> None:
    first = clone("rm -rf environments/letter-counter && ./scripts/up.sh", timeout=400)
    assert first.returncode == 0, first.stderr
    assert "in containers" in first.stderr
    assert "3/3       1.00" in first.stdout
    assert addresses(clone)[1] == "ok"
    stopped = clone("./scripts/up.sh --stop && docker compose down --volumes", timeout=60)
    assert stopped.returncode == 0, stopped.stderr


@pytest.fixture(scope="module")
def wheel(clone: Command) -> Path:
    build = "scripts/install.sh runtime && .venv/bin/hatchling build -t wheel"
    built = clone(build, timeout=300)
    assert built.returncode == 0, built.stderr
    return next((clone.cwd / "dist").glob("*.whl"))


def test_a_wheel_holds_the_template(wheel: Path) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if "/_template/" in name]
    kept = [path for path in FILES if path.is_relative_to(ROOT / "env_template")]
    assert {name.removeprefix("hud/_template/") for name in names} == {
        path.relative_to(ROOT / "env_template").as_posix() for path in kept
    }


def test_init_works_from_an_unpacked_wheel(wheel: Path, hud_cli: Command, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    made = hud_cli.having(PYTHONPATH=str(tmp_path / "site"))("init", "word-game")
    assert made.returncode == 0, made.stderr
    assert 'Environment("word-game")' in (hud_cli.cwd / "word-game/env.py").read_text("utf-8")

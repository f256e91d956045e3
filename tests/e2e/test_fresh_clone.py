"""The README's first command in a fresh clone, and the wheel that is built from it."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import ROOT, Command, plain_environment
from tests.test_repository import FILES

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """`sh` in a copy of what git keeps, as a new user who can reach this machine's packages."""
    folder, home = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("home")
    for path in FILES:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    packages = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_", "REQUESTS_"))
    }
    env = {**plain_environment(home), **packages, "PATH": os.environ["PATH"]}
    del env["PYTHONPATH"]
    yield Command(("sh", "-c"), folder, env)
    shutil.rmtree(folder)


def test_one_command_installs_and_prints_the_table(clone: Command) -> None:
    first = clone("./scripts/up.sh", timeout=300)
    assert first.returncode == 0, first.stderr
    assert "Pass: 3/3 (100%)" in first.stdout


def test_the_second_run_installs_nothing_and_prints_the_same(clone: Command) -> None:
    second = clone("./scripts/up.sh", timeout=60)
    assert (second.returncode, "installing" in second.stderr) == (0, False)
    assert "Pass: 3/3 (100%)" in second.stdout


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

"""Two distributions that bring a package `hud` are found out and told apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command import ROOT, Command

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 0.5.41\n"


def install(site: Path, name: str, *files: str) -> None:
    """Put a distribution with these files into a folder for packages."""
    told = site / f"{name.replace('-', '_')}-0.5.41.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text(METADATA.format(name=name))
    (told / "RECORD").write_text("".join(f"{file},,\n" for file in files))


@pytest.fixture
def installed(hud_cli: Command, tmp_path: Path) -> tuple[Command, Path]:
    """`hud` as it is installed into a folder for packages, and that folder."""
    site = tmp_path / "site"
    shutil.copytree(ROOT / "hud", site / "hud", ignore=shutil.ignore_patterns("__pycache__"))
    return hud_cli.having(PYTHONPATH=str(site)), site


@pytest.mark.parametrize("name", ["hud-python", "hud"])
def test_the_original_in_the_same_folder_is_told_and_how_to_get_rid_of_it(
    installed: tuple[Command, Path], name: str
) -> None:
    command, site = installed
    install(site, name, "hud/__init__.py", "hud/cli/__init__.py")
    ended = command("--help")
    assert ended.returncode == 2
    assert f"{name} 0.5.41 and hud-local are both installed here" in ended.stderr
    assert f"pip uninstall -y {name} hud-local && pip install hud-local" in ended.stderr


def test_an_empty_distribution_that_satisfies_the_requirement_is_fine(
    installed: tuple[Command, Path],
) -> None:
    command, site = installed
    install(site, "hud-python", "hud_python-0.5.41.dist-info/METADATA")
    assert command("--version").returncode == 0


def test_the_original_somewhere_else_is_fine(hud_cli: Command, tmp_path: Path) -> None:
    install(tmp_path / "other", "hud-python", "hud/__init__.py")
    assert hud_cli.having(PYTHONPATH=f"{ROOT}:{tmp_path / 'other'}")("--version").returncode == 0

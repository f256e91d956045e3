"""A build that asks for `hud-python` finds this SDK where the original cannot be had any more."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path
from zipfile import Path as ZipPath

import anyio
import pytest

import hud
from hud.containers import BuildRequest, BuildResult, FakeContainers
from hud.runtime.build import build_image
from hud.runtime.stand_in import asks_for_newest, stand_in_folder, with_stand_in

MOUNT = "--mount=type=bind,from=hud-stand-in,target=/hud-stand-in"
LAST = "\nENV UV_NO_SYNC=1\n"
FINDS = "export PIP_FIND_LINKS=/hud-stand-in UV_FIND_LINKS=/hud-stand-in;"

STEPS = {
    "pip": ("RUN pip install .\n", f"RUN {MOUNT} {FINDS} pip install .\n"),
    "uv": ("run uv sync || uv sync\n", f"run {MOUNT} {FINDS} uv sync || uv sync\n"),
    "flags": (
        "RUN --mount=type=secret,id=K \\\n    pip3 install .\n",
        f"RUN {MOUNT} --mount=type=secret,id=K \\\n    {FINDS} pip3 install .\n",
    ),
    "later line": (
        "RUN apt-get update \\\n# why\n && uv pip install x\nCOPY . .\n",
        f"RUN {MOUNT} {FINDS} apt-get update \\\n# why\n && uv pip install x\nCOPY . .\n",
    ),
}


@pytest.mark.parametrize(("recipe", "expected"), STEPS.values(), ids=STEPS)
def test_a_step_that_installs_packages_finds_the_wheels(recipe: str, expected: str) -> None:
    assert with_stand_in(recipe) == expected + LAST


@pytest.mark.parametrize(
    "recipe",
    [
        "FROM python:3.11-slim AS a\n",
        "RUN apt-get update && \\\n    apt-get install git\n",
        'RUN ["pip", "install", "x"]\n',
        "RUN <<END\npip install x\nEND\n",
        "# RUN pip install x\n",
        'CMD ["uv", "run", "env.py"]',
        "COPY \\\n",
    ],
)
def test_everything_else_of_a_dockerfile_stays_as_it_is(recipe: str) -> None:
    assert with_stand_in(recipe) == recipe + LAST


FOLDERS = {
    "dockerfile": ({}, "RUN pip install hud-python\n", True),
    "pyproject": ({"pyproject.toml": "dependencies = ['hud_python[agents]>=0.5']"}, "", True),
    "requirements": ({"requirements-dev.txt": "hud-python>=0.5.28  # < 0.6\n"}, "", True),
    "stops before 1": ({"requirements.txt": "hud-python>=0.5,<1\n"}, "", True),
    "stops before 0.6": ({"requirements.txt": "hud-python[agents]>=0.5.28, < 0.6\n"}, "", False),
    "stays at 0.5": ({"requirements.txt": "hud-python ~=0.5.30\n"}, "", False),
    "pinned": ({}, "RUN pip install hud-python==0.5.41\n", False),
    "another": ({"pyproject.toml": "dependencies = ['hud-local']"}, "RUN pip install hud\n", False),
    "its source": ({"env.py": "# pip install hud-python"}, "", False),
}


@pytest.mark.parametrize(("files", "recipe", "expected"), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_asks_for_the_newest_where_packages_are_named_without_a_bound(
    tmp_path: Path, files: dict[str, str], recipe: str, expected: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert asks_for_newest(tmp_path, recipe) is expected


def test_the_wheels_satisfy_the_requirement_with_this_sdk(tmp_path: Path) -> None:
    folder = stand_in_folder(tmp_path)
    assert stand_in_folder(tmp_path) == folder
    newest = max(folder.glob("hud_python-*.whl"))
    told = PathDistribution(ZipPath(newest, f"{newest.name.partition('-py3')[0]}.dist-info/"))
    assert told.metadata["Name"] == "hud-python"
    assert told.requires == [f"hud-local[v5]=={hud.__version__}"]
    assert list(folder.glob(f"hud_local-{hud.__version__}-*.whl"))


@pytest.mark.parametrize("asked", ["hud-python[agents]>=0.5.35", "hud-python>=0.5,<1"])
def test_pip_takes_a_wheel_of_ours_for_an_open_requirement(tmp_path: Path, asked: str) -> None:
    found = ["--no-index", "--find-links", str(stand_in_folder(tmp_path)), "--no-deps"]
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", *found, asked]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=60)
    assert "Would install hud-python" in done.stdout, done.stderr


class Recording(FakeContainers):
    """An engine that keeps what it is asked to build."""

    asked: BuildRequest

    async def build(self, request: BuildRequest, progress: object = None) -> BuildResult:
        self.asked = request
        raise NotImplementedError


@pytest.mark.parametrize(("package", "is_ours"), [("hud-python>=0.5", True), ("numpy", False)])
def test_only_a_build_that_asks_for_the_original_is_given_them(
    tmp_path: Path, package: str, is_ours: bool
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.11-slim\nRUN pip install '{package}'\n")
    engine = Recording({})
    with pytest.raises(NotImplementedError):
        anyio.run(build_image, engine, BuildRequest(tmp_path))
    assert ("hud-stand-in" in engine.asked.contexts) is is_ours
    assert (engine.asked.recipe is not None) is is_ours

"""`hud deploy` and `hud sync env` against a real controller, without a container engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hud.client import Client
from tests.command import ROOT, Command
from tests.controller.running import RunningController

CANARY = "canary-value-9916"
ENVIRONMENT = """\
from hud import Environment

env = Environment("{name}")


@env.tool()
def double(number: int) -> int:
    return 2 * number


@env.scenario("twice")
async def twice(number: int):
    answer = yield f"What is twice {{number}}?"
    yield 1.0 if answer == str(2 * number) else 0.0
"""
DECLARES = '[tool.hud]\nvariables = ["DECLARED_KEY"]\n'


@pytest.fixture
def hud(controller: RunningController, tmp_path: Path) -> Command:
    """The command in an empty folder, in this process."""
    return controller.inside(tmp_path)


def make(folder: Path, name: str, **files: str) -> Path:
    """A folder with an environment of that name."""
    folder.mkdir(exist_ok=True)
    (folder / "env.py").write_text(ENVIRONMENT.format(name=name))
    for file, text in files.items():
        (folder / file.replace("_", ".")).write_text(text)
    return folder


def test_an_environment_is_built_and_registered(hud: Command, client: Client) -> None:
    make(hud.cwd / "doubling", "doubling")
    done = hud("deploy", "doubling")
    assert (done.returncode, done.stdout) == (0, "doubling\n"), done.stderr
    assert "✓ doubling version 1" in done.stderr
    (version,) = client.versions("doubling")
    assert [tool["name"] for tool in version.tools] == ["double"]
    assert client.resolve("anybody/doubling").version == 1
    assert client.builds("doubling").items[0].status == "passed"
    linked = json.loads((hud.cwd / "doubling/.hud/config.json").read_text())
    assert linked == {"environment": "doubling"}


@pytest.mark.slow
def test_a_change_makes_a_version_and_no_change_makes_none(hud: Command, client: Client) -> None:
    folder = make(hud.cwd / "again", "again")
    for _ in range(2):
        assert hud("deploy", "again").returncode == 0
    assert [item.number for item in client.versions("again")] == [1]
    (folder / "env.py").write_text(ENVIRONMENT.format(name="again").replace("double", "twofold"))
    assert "version 2" in hud("deploy", "again").stderr
    assert [item.number for item in client.versions("again")] == [2, 1]


def test_what_dockerignore_names_is_not_sent(hud: Command) -> None:
    folder = make(hud.cwd / "ignoring", "ignoring", _env="A=b", data_bin="x" * 1000)
    (folder / ".dockerignore").write_text("*.bin\n")
    done = hud("deploy", "ignoring", "--verbose", "--no-env")
    sent = {line.strip() for line in done.stderr.splitlines() if line.startswith("  ")}
    assert {".dockerignore", "env.py"} <= sent
    assert not {".env", "data.bin"} & sent


def test_what_an_image_is_built_by_is_sent_although_it_stays_out_of_the_image(
    hud: Command, client: Client
) -> None:
    """The template, under another name."""
    shutil.copytree(ROOT / "env_template", hud.cwd / "template")
    assert "Dockerfile" in (hud.cwd / "template/.dockerignore").read_text()
    done = hud("deploy", "template", "--name", "org/with-image", "--verbose")
    assert (done.returncode, done.stdout) == (0, "with-image\n"), done.stderr
    sent = {line.strip() for line in done.stderr.splitlines() if line.startswith("  ")}
    assert {"Dockerfile", ".dockerignore", "pyproject.toml"} <= sent
    assert "no container engine answers: its Dockerfile is not used" in done.stderr
    assert client.resolve("org/with-image").scenarios == 1


def test_variables_become_secrets_and_are_never_printed(
    hud: Command, client: Client, controller: RunningController
) -> None:
    make(hud.cwd / "keyed", "keyed", pyproject_toml=DECLARES, _env=f"FROM_FILE={CANARY}")
    done = hud("deploy", "keyed", "-e", f"DECLARED_KEY={CANARY}", "--yes")
    assert done.returncode == 0, done.stderr
    assert {"DECLARED_KEY", "FROM_FILE"} <= {item.name for item in client.secrets()}
    assert "warning: FROM_FILE stays outside" in done.stderr
    assert CANARY not in done.stdout + done.stderr + controller.log()
    assert client.environment("keyed").variables == ["DECLARED_KEY"]


def test_a_file_of_variables_is_left_alone_where_nobody_can_be_asked(
    hud: Command, client: Client
) -> None:
    make(hud.cwd / "careful", "careful", _env="LEFT_ALONE=x")
    done = hud("deploy", "careful")
    assert done.returncode == 0, done.stderr
    assert "is left alone" in done.stderr
    assert "LEFT_ALONE" not in [item.name for item in client.secrets()]


def test_code_that_does_not_import_fails_with_its_reason(hud: Command, client: Client) -> None:
    folder = make(hud.cwd / "broken", "broken")
    (folder / "env.py").write_text(ENVIRONMENT.format(name="broken") + "\nimport no_such_module\n")
    done = hud("deploy", "broken")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no_such_module" in done.stderr
    assert client.builds("broken").items[0].status == "failed"
    assert client.versions("broken") == []


@pytest.mark.slow
def test_all_environments_of_a_folder_are_deployed(hud: Command, client: Client) -> None:
    for name in ("first-of-two", "second-of-two"):
        make(hud.cwd / name, name)
    (hud.cwd / "docs").mkdir()
    done = hud("deploy", "--all")
    assert (done.returncode, done.stdout) == (0, "first-of-two\nsecond-of-two\n"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["no-such"], "`no-such` is not a folder"),
        ([], "neither a Dockerfile nor an environment"),
        (["--all"], "no subfolder of `.` is an environment"),
        (["--all", "--name", "x"], "--name names one environment"),
        (["-e", "NO_SUCH_VARIABLE"], "variable `NO_SUCH_VARIABLE` has no value here"),
        (["--secret", "nonsense"], "is not of the form id=ID"),
    ],
    ids=["no folder", "no environment", "none below", "one name", "no value", "no secret"],
)
def test_what_cannot_be_deployed_is_an_error(
    hud: Command, arguments: list[str], reason: str
) -> None:
    done = hud("deploy", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr


def test_a_folder_is_tied_to_an_environment_and_renamed(hud: Command) -> None:
    make(hud.cwd / "tied", "tied")
    assert hud("deploy", "tied").returncode == 0
    other = make(hud.cwd / "other", "another-name")
    refused = hud("sync", "env", "tied", "other")
    assert (refused.returncode, "Nobody can be asked" in refused.stderr) == (2, True)
    assert hud("sync", "env", "tied", "other", "--yes").returncode == 0
    assert 'Environment("tied")' in (other / "env.py").read_text()
    assert json.loads((other / ".hud/config.json").read_text()) == {"environment": "tied"}

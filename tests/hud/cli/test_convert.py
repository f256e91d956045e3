"""`hud convert`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hud.cli.main import main
from tests.command import Command
from tests.hud.environment.legacy.tasks import shop_task

TASKS = [shop_task(id="one"), shop_task(id="two", setup_tool=None)]

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command runs in, with a v4 task file."""
    (tmp_path / "v4.json").write_text(json.dumps(TASKS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(capsys: Captured, *arguments: str) -> list[str]:
    """The lines of the error with which the command ends."""
    assert main(["convert", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()


def test_the_tasks_are_printed_and_nothing_else(capsys: Captured) -> None:
    assert main(["convert", "v4.json"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert [task["slug"] for task in json.loads(said.out)] == ["one", "two"]
    assert "${SHOP_KEY:none}" in said.out


def test_a_file_is_written_whole_and_said_on_stderr(folder: Path, capsys: Captured) -> None:
    assert main(["convert", "v4.json", "--output", "v5.json"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["✓ wrote 2 tasks to v5.json", "→ hud eval v5.json"]
    assert len(json.loads((folder / "v5.json").read_text(encoding="utf-8"))) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["v4.json", "v5.json"]


def test_json_lines_are_written_for_their_suffix(folder: Path) -> None:
    assert main(["convert", "v4.json", "-o", "v5.jsonl"]) == 0
    lines = (folder / "v5.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["slug"] for line in lines] == ["one", "two"]


def test_an_existing_file_is_left_alone_without_force(folder: Path, capsys: Captured) -> None:
    lines = refusal(capsys, "v4.json", "-o", "v4.json", "--scaffold", "env.py")
    assert lines[0] == "error: `v4.json` exists already"
    assert "--force" in lines[1]
    assert json.loads((folder / "v4.json").read_text(encoding="utf-8")) == TASKS
    assert not (folder / "env.py").exists()


def test_force_replaces_the_file(folder: Path) -> None:
    assert main(["convert", "v4.json", "-o", "v4.json", "--force"]) == 0
    replaced = json.loads((folder / "v4.json").read_text(encoding="utf-8"))
    assert [task["scenario"] for task in replaced] == ["legacy", "legacy"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [(".", "`.` is a folder"), ("no/such/v5.json", "cannot write `no/such/v5.json`")],
)
def test_a_place_that_cannot_be_written_is_named(
    capsys: Captured, target: str, reason: str
) -> None:
    assert reason in refusal(capsys, "v4.json", "-o", target)[0]


def test_a_broken_file_is_one_line_and_a_hint(folder: Path, capsys: Captured) -> None:
    (folder / "bad.json").write_text('[{"prompt": "Win."}]', encoding="utf-8")
    lines = refusal(capsys, "bad.json")
    assert lines[0] == "error: bad.json, item 0: the v4 task has no `mcp_config`"
    assert lines[1].startswith("hint: a v4 task needs")


def test_a_scaffold_is_python_with_the_same_tasks(hud_cli: Command, folder: Path) -> None:
    hud = hud_cli.within(folder)
    ended = hud("convert", "v4.json", "--scaffold", "env.py", "-o", "v5.json")
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert "→ hud eval env.py" in ended.stderr
    listed = hud("eval", "env.py", "--list")
    assert listed.returncode == 0, listed.stderr
    assert "one" in listed.stdout
    assert "two" in listed.stdout

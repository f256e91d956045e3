"""`hud init` and its twin without an install, `scripts/new-env.sh`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hud.errors import UserError
from hud.runtime.template import environment_name, make_environment, template_files
from tests.command import ROOT, Command

REFUSED = [
    "",
    "-x",
    "x-",
    "a--b",
    "ünï",
    "a.b",
    "a\nb",
    "..",
    ".",
    "x" * 64,
    "a/b",
    "/a",
    "a b!",
    "$(x)",
]


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def new_env(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    script = [str(ROOT / "scripts/new-env.sh"), name]
    return subprocess.run(
        script, cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_new_environment_is_the_template_with_its_name_filled_in(tmp_path: Path) -> None:
    made = contents(make_environment("word-game", tmp_path))
    assert {"env.py", "tasks.py", "pyproject.toml", "README.md", ".gitignore"} <= set(made)
    assert 'Environment("word-game")' in made["env.py"]
    assert not any("letter-counter" in text for text in made.values())


def test_the_template_itself_is_copied_as_it_is() -> None:
    template = contents(ROOT / "env_template")
    copied = {path.as_posix(): text for path, text in template_files("letter-counter")}
    assert copied.items() <= template.items()


def test_the_script_makes_what_the_command_makes(tmp_path: Path) -> None:
    made = contents(make_environment("word-game", tmp_path))
    (tmp_path / "script").mkdir()
    assert new_env(tmp_path / "script", "Word_Game").returncode == 0
    assert contents(tmp_path / "script/word-game") == made


@pytest.mark.parametrize(
    ("given", "name"),
    [("my-env", "my-env"), ("My_Env", "my-env"), ("my env 2", "my-env-2"), ("2048", "2048")],
)
def test_a_name_becomes_kebab_case(given: str, name: str) -> None:
    assert environment_name(given) == name


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_name_is_refused_by_both_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as refusal:
        make_environment(name, tmp_path)
    assert refusal.value.hint
    assert new_env(tmp_path, name).returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_a_path_is_refused_with_the_command_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refusal:
        make_environment("games/chess", tmp_path)
    assert refusal.value.hint == "hud init chess --dir games"


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep me")
    with pytest.raises(UserError, match="exists already"):
        make_environment("mine", tmp_path)
    assert new_env(tmp_path, "mine").returncode == 1
    assert contents(tmp_path) == {"mine/notes.txt": "keep me"}


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert "env.py" in contents(make_environment("mine", tmp_path))


def test_a_folder_that_cannot_be_replaced_leaves_nothing_half(tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to("nowhere")
    with pytest.raises(UserError, match="cannot make"):
        make_environment("mine", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_missing_parent_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder") as refusal:
        make_environment("mine", tmp_path / "nowhere")
    assert refusal.value.hint == f"mkdir -p {tmp_path / 'nowhere'}"


def test_the_command_makes_the_folder_and_says_what_comes_next(hud_cli: Command) -> None:
    ended = hud_cli("init", "word-game")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "hud eval tasks.py oracle --full" in ended.stderr
    assert (hud_cli.cwd / "word-game/env.py").is_file()


def test_the_command_refuses_a_bad_name_in_two_lines(hud_cli: Command) -> None:
    ended = hud_cli("init", "a.b")
    assert ended.returncode == 2
    assert [line.split(":")[0] for line in ended.stderr.splitlines()] == ["error", "hint"]


def test_a_new_environment_is_solved_by_its_oracle(hud_cli: Command) -> None:
    assert hud_cli("init", "word-game").returncode == 0
    ended = hud_cli.within(hud_cli.cwd / "word-game")("eval", "tasks.py", "oracle", "--full")
    assert ended.returncode == 0, ended.stderr
    assert "Pass: 3/3 (100%)" in ended.stdout

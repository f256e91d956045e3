"""What a folder says about its image: name, sandbox, variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from hud.errors import UserError
from hud.runtime.project import find_project, read_project, variables_of


def write(folder: Path, table: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(f"[tool.hud]\n{table}\n")
    return folder


@pytest.mark.parametrize(
    ("name", "table", "tag", "image"),
    [
        ("My Env", "", None, "my-env:latest"),
        ("my-env", 'image = "shop:2"', None, "shop:2"),
        ("my-env", 'image = "shop:2"', "mine", "mine:latest"),
        ("日本", "", None, "env-cf2abf0c:latest"),
    ],
)
def test_an_image_is_named_by_the_tag_then_the_table_then_the_folder(
    tmp_path: Path, name: str, table: str, tag: str | None, image: str
) -> None:
    assert read_project(write(tmp_path / name, table), tag).image == image


def test_the_sandbox_is_what_the_table_declares(tmp_path: Path) -> None:
    project = read_project(write(tmp_path, 'network = "internet"\nmemory = "1g"'))
    assert (project.sandbox.network, project.sandbox.memory) == ("internet", 1 << 30)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('variables = "KEY"', "no list of names"),
        ('variables = ["KEY=value"]', "'KEY=value' is not the name of a variable"),
        ("image = 3", "is no text"),
        ("privileged = true", "is forbidden"),
        ("= nonsense", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_is_refused(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_project(write(tmp_path, table))


def test_a_task_file_belongs_to_the_nearest_folder_with_a_dockerfile(tmp_path: Path) -> None:
    folder = write(tmp_path / "env", "")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "tasks").mkdir()
    (folder / "tasks" / "easy.json").write_text("[]")
    assert find_project(folder / "tasks" / "easy.json").folder == folder


def test_a_folder_may_name_an_image_instead_of_building_one(tmp_path: Path) -> None:
    project = find_project(write(tmp_path, 'image = "shop"'))
    assert (project.image, project.has_dockerfile) == ("shop:latest", False)


def test_a_project_without_an_image_is_refused_with_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(UserError, match="no environment that runs in containers") as refused:
        find_project(write(tmp_path / "env", ""))
    assert "[tool.hud] image" in (refused.value.hint or "")


def test_declared_variables_come_from_this_machine_unless_they_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = read_project(write(tmp_path, 'variables = ["KEY", "TOKEN"]'))
    monkeypatch.setenv("KEY", "of the machine")
    monkeypatch.setenv("OTHER", "of the machine")
    with pytest.raises(UserError, match="`TOKEN`, which"):
        variables_of(project, {})
    assert variables_of(project, {"TOKEN": "given"}) == {"KEY": "of the machine", "TOKEN": "given"}

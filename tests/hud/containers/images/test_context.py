"""What is built from a folder, and when it counts as changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hud.containers.images.context import Context, is_ignored, parse_ignored, read_context
from hud.errors import UserError

MEBIBYTE = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n", "utf-8")
    (tmp_path / "env.py").write_text("print(1)\n", "utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a", "utf-8")
    return tmp_path


def read(folder: Path, limit: int = MEBIBYTE) -> Context:
    return read_context(folder, None, limit)


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        (["data"], "data/a.txt", True),
        (["data/"], "data/a.txt", True),
        (["/data"], "data", True),
        (["a.txt"], "data/a.txt", False),
        (["**/a.txt"], "data/x/a.txt", True),
        (["**/a.txt"], "a.txt", True),
        (["*.txt"], "data/a.txt", False),
        (["*/*.txt"], "data/a.txt", True),
        (["data/**"], "data/x/a.txt", True),
        (["da?a"], "data", True),
        (["[c-e]ata"], "data", True),
        (["[^d]ata"], "data", False),
        (["*", "!data"], "data/a.txt", False),
        (["*", "!data", "data/a.txt"], "data/a.txt", True),
        (["*", "!data/*.txt"], "data/a.txt", False),
        (["# data", "", "  "], "data", False),
        (["./data"], "data", True),
        (["x/../data"], "data", True),
        ([r"da\ta"], "data", True),
        (["data.txt"], "dataxtxt", False),
    ],
)
def test_dockerignore_means_what_the_engine_means(
    lines: list[str], path: str, ignored: bool
) -> None:
    assert is_ignored(path, parse_ignored(tuple(lines))) == ignored


def test_a_line_that_is_no_pattern_is_refused() -> None:
    with pytest.raises(UserError, match="dockerignore"):
        parse_ignored(("[z-a]",))


@pytest.mark.parametrize(
    "name", [".git/HEAD", ".env", ".venv/x", "p/__pycache__/x.pyc", "hud.lock.yaml"]
)
def test_histories_secrets_and_results_are_left_out(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("x", "utf-8")
    assert name not in read(folder).files


def test_a_folder_can_bring_back_what_is_left_out(folder: Path) -> None:
    (folder / ".env").write_text("A=1", "utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("x", "utf-8")
    (folder / ".dockerignore").write_text("!.env\n!.git/HEAD\n", "utf-8")
    assert {".env", ".git/HEAD"} <= {*read(folder).files}


def test_a_list_beside_the_dockerfile_goes_before_the_folders_own(folder: Path) -> None:
    (folder / ".dockerignore").write_text("data\n", "utf-8")
    (folder / "Dockerfile.dockerignore").write_text("env.py\n", "utf-8")
    files = read(folder).files
    assert "data/a.txt" in files
    assert "env.py" not in files


def test_dockerfile_hud_goes_before_dockerfile(folder: Path) -> None:
    (folder / "Dockerfile.hud").write_text("FROM scratch\n", "utf-8")
    assert read(folder).dockerfile.name == "Dockerfile.hud"


def test_a_folder_without_dockerfile_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no `Dockerfile.hud` or `Dockerfile`") as refused:
        read(tmp_path)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ("touch env.py", False),
        ("echo 2 > env.py", True),
        ("chmod 755 env.py", True),
        ("mv env.py other.py", True),
        ("mkdir empty", True),
        ("ln -s env.py link", True),
        ("echo '# x' >> Dockerfile", True),
        ("echo x > .env", False),
        ("mkdir __pycache__ && echo x > __pycache__/a.pyc", False),
    ],
)
def test_the_digest_changes_with_everything_that_can_be_copied(
    folder: Path, change: str, changed: bool
) -> None:
    before = read(folder).digest({})
    assert os.system(f"cd '{folder}' && {change}") == 0
    assert (read(folder).digest({}) != before) == changed


def test_the_digest_changes_with_the_settings_of_the_build(folder: Path) -> None:
    context = read(folder)
    assert context.digest({"A": "1"}) == context.digest({"A": "1"})
    assert len({context.digest(s) for s in ({}, {"A": "1"}, {"A": "2"}, {"B": "1"})}) == 4


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "data/../../outside", "up"])
def test_a_link_that_leads_out_is_refused_by_name(folder: Path, target: str) -> None:
    (folder / "up").symlink_to("..") if target == "up" else None
    (folder / "link").symlink_to(target)
    with pytest.raises(UserError, match="leads out"):
        read(folder)


@pytest.mark.parametrize("target", ["data/a.txt", "data", "missing"])
def test_a_link_that_stays_inside_is_fine(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(target)
    assert "link" in read(folder).files


def test_a_link_in_an_ignored_folder_does_not_matter(folder: Path) -> None:
    (folder / ".venv").mkdir()
    (folder / ".venv" / "python").symlink_to("/usr/bin/env")
    assert read(folder).size > 0


def test_a_folder_that_is_too_large_is_refused_with_the_largest_part(folder: Path) -> None:
    with (folder / "data" / "model.bin").open("wb") as file:
        file.truncate(2 * MEBIBYTE)
    with pytest.raises(UserError, match="`data` alone has 2 MiB"):
        read(folder)


def test_a_dockerfile_outside_of_the_folder_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="outside"):
        read_context(folder / "data", "../Dockerfile", MEBIBYTE)

"""Which watched paths are mounted, and where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hud.containers import Mount
from hud.dev.containers.dockerfile import read_dockerfile
from hud.dev.containers.mounts import Mounts, Place, places

FILES = ["env.py", "tasks.py", "tools/a.py", "tools/b/c.py", "data/x.json", ".venv/lib/y.py"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old")
    return tmp_path.resolve()


@pytest.mark.parametrize(
    ("watched", "copies", "found"),
    [
        ("env.py", "COPY . .", {"env.py": "/app/env.py"}),
        ("env.py", "COPY env.py .", {"env.py": "/app/env.py"}),
        ("env.py", "COPY env.py main.py", {"env.py": "/app/main.py"}),
        ("env.py", "COPY *.py /srv/", {"env.py": "/srv/env.py"}),
        ("env.py", "COPY tools tools", {}),
        ("tools", "COPY . .", {"tools": "/app/tools"}),
        ("tools", "COPY tools /srv/tools", {"tools": "/srv/tools"}),
        ("tools", "COPY tools .", {"tools": "/app"}),
        ("tools/b", "COPY tools lib", {"tools/b": "/app/lib/b"}),
        ("tools", "COPY tools/a.py /app/x/", {"tools/a.py": "/app/x/a.py"}),
        ("env.py", "COPY . .\nCOPY env.py /last/", {"env.py": "/last/env.py"}),
        (
            ".",
            "COPY . .",
            {
                "env.py": "/app/env.py",
                "tasks.py": "/app/tasks.py",
                "tools": "/app/tools",
                "data": "/app/data",
            },
        ),
        (
            ".",
            "COPY env.py tools/ ./",
            {"env.py": "/app/env.py", "tools": "/app"},
        ),
    ],
)
def test_what_is_watched_is_mounted_where_the_dockerfile_copies_it(
    folder: Path, watched: str, copies: str, found: dict[str, str]
) -> None:
    recipe = read_dockerfile(f"FROM x\nWORKDIR /app\n{copies}")
    placed = places(folder / watched, folder, recipe.copies)
    assert {place.source: place.target for place in placed} == found


def mounts_of(folder: Path, *found: Place) -> Mounts:
    return Mounts(folder, folder / ".hud" / "dev" / "1", list(found))


def test_a_folder_is_mounted_read_only_and_a_file_by_a_copy(folder: Path) -> None:
    mounts = mounts_of(folder, Place("tools", "/app/tools"), Place("env.py", "/app/env.py"))
    assert mounts.prepare() == (
        Mount(source="tools", target="/app/tools"),
        Mount(source=".hud/dev/1/1/env.py", target="/app/env.py"),
    )
    mounts.remove()
    assert not (folder / ".hud" / "dev" / "1").exists()


def test_a_file_that_is_replaced_keeps_the_inode_that_is_mounted(folder: Path) -> None:
    mounts = mounts_of(folder, Place("env.py", "/app/env.py"))
    (mount,) = mounts.prepare()
    copy = folder / mount.source
    inode = copy.stat().st_ino
    (folder / "draft").write_text("new")
    os.replace(folder / "draft", folder / "env.py")
    assert mounts.refresh()
    assert (copy.read_text(), copy.stat().st_ino) == ("new", inode)


def test_a_folder_that_is_made_again_is_noticed(folder: Path) -> None:
    mounts = mounts_of(folder, Place("tools", "/app/tools"))
    mounts.prepare()
    assert mounts.refresh()
    (folder / "tools").rename(folder / "was")
    (folder / "tools").mkdir()
    assert not mounts.refresh()


def test_a_file_that_is_deleted_is_empty_in_the_container(folder: Path) -> None:
    mounts = mounts_of(folder, Place("env.py", "/app/env.py"))
    (mount,) = mounts.prepare()
    (folder / "env.py").unlink()
    assert mounts.refresh()
    assert (folder / mount.source).read_bytes() == b""

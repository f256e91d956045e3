"""Which files tools may touch, also against somebody who moves them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hud.errors import ToolError
from hud.tools.system.workspace import Workspace


def test_a_link_that_is_put_in_after_the_check_is_not_followed(tmp_path: Path) -> None:
    base, outside = tmp_path / "base", tmp_path / "outside"
    (base / "folder").mkdir(parents=True)
    outside.mkdir()
    (outside / "file").write_text("secret")
    workspace = Workspace(base)
    path = workspace.resolve("folder/file")
    (base / "folder").rmdir()
    (base / "folder").symlink_to(outside)
    for touch in (workspace.read, lambda path: workspace.write(path, b""), workspace.remove):
        with pytest.raises(ToolError, match="cannot"):
            touch(path)
    assert (outside / "file").read_text() == "secret"


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (tmp_path / "secret").write_text("secret")
    workspace = Workspace(base)
    path = workspace.resolve("file")
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(ToolError, match="cannot read"):
        workspace.read(path)


def test_a_base_that_is_a_link_is_the_folder_behind_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    workspace = Workspace(tmp_path / "link")
    workspace.write_text(workspace.resolve("a/b"), "x")
    assert (tmp_path / "real" / "a" / "b").read_text() == "x"
    assert workspace.resolve(tmp_path / "link" / "a") == tmp_path / "real" / "a"


def test_without_a_base_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    workspace = Workspace(None)
    path = workspace.resolve(tmp_path / "link")
    workspace.write_text(path, "y")
    assert (tmp_path / "real").read_text() == "y"
    assert (tmp_path / "link").is_symlink()


def test_a_file_that_is_rewritten_stays_the_same_file(tmp_path: Path) -> None:
    workspace, path = Workspace(tmp_path), tmp_path / "script"
    path.write_text("long content")
    path.chmod(0o755)
    before = path.stat()
    workspace.write_text(path, "short")
    assert path.read_text() == "short"
    assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)

"""A controller in a container names paths as the engine's host knows them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from controller.environments.paths import host_path
from hud.errors import UserError

HOST = PurePosixPath("/home of/me/my checkout/environments")


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("letters", "letters"),
        ("letters/", "letters"),
        ("with space/src/a.py", "with space/src/a.py"),
        (".", ""),
        ("letters/../letters", "letters"),
        ("link/a.py", "letters/a.py"),
    ],
)
def test_paths_of_the_workspace_are_translated(tmp_path: Path, inside: str, outside: str) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "link").symlink_to("letters")
    found = host_path(tmp_path / inside, tmp_path, HOST)
    assert found == str(HOST / outside)


def test_the_workspace_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real/letters").mkdir(parents=True)
    (tmp_path / "workspace").symlink_to("real")
    found = host_path(tmp_path / "workspace/letters", tmp_path / "workspace", HOST)
    assert found == str(HOST / "letters")


def test_on_the_host_itself_nothing_changes(tmp_path: Path) -> None:
    assert host_path(tmp_path / "x", tmp_path / "other", None) == str(tmp_path / "x")


def test_paths_outside_the_workspace_cannot_be_mounted(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace/out").symlink_to("/usr")
    for path in (tmp_path / "elsewhere", tmp_path / "workspace/out"):
        with pytest.raises(UserError, match="outside the workspace") as caught:
            host_path(path, tmp_path / "workspace", HOST)
        assert caught.value.hint == "put it into the workspace"


def test_a_host_path_has_to_be_absolute(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no absolute path"):
        host_path(tmp_path, tmp_path, PurePosixPath("environments"))

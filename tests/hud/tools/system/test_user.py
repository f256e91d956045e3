"""Whose rights tools have, where the setting names a user."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hud.errors import UserError
from hud.native.graders import BashGrader
from hud.tools import BashTool, EditTool, GrepTool, ReadTool
from hud.tools.system.user import tool_user
from tests.hud.tools.calling import closed_after, failure, text

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up rights"),
]

SECRET = "secret of root"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may use, with a file that only root may read."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        (path / "secret").write_text(SECRET)
        (path / "secret").chmod(0o640)
        (path / "open").write_text("open\n")
        yield path


async def test_without_the_setting_tools_have_roots_rights(folder: Path) -> None:
    async with closed_after(BashTool()) as bash:
        assert await text(bash, command="id -u") == "0\n"
    assert SECRET in await text(ReadTool(str(folder)), filePath="secret")


async def test_with_the_setting_shells_are_the_users(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUD_TOOLS_USER", "1234:1235")
    async with closed_after(BashTool()) as bash:
        told = await text(bash, command=f"id -u; id -g; id -G; cat {folder}/secret")
    assert told.startswith("1234\n1235\n1235\n")
    assert "Permission denied" in told


async def test_with_the_setting_files_are_the_users(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUD_TOOLS_USER", "1234")
    await text(EditTool(), command="create", path=f"{folder}/sub/new", file_text="x")
    for path in (folder / "sub", folder / "sub" / "new"):
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)
    assert "Permission denied" in await failure(ReadTool(str(folder)), filePath="secret")
    told = await failure(EditTool(), command="view", path=f"{folder}/secret")
    assert "Permission denied" in told
    found = await text(GrepTool(str(folder)), pattern=".")
    assert "open:" in found
    assert SECRET not in found


async def test_graders_keep_the_rights_of_the_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUD_TOOLS_USER", "1234")
    await text(GrepTool(str(folder)), pattern=".")
    score = await BashGrader.grade(1.0, command=f"cat {folder}/secret")
    assert (score.metadata or {})["stdout"] == SECRET
    assert (folder / "secret").read_text() == SECRET


@pytest.mark.parametrize("user", ["nobody-of-that-name", "1:x", "x:1"])
def test_a_user_that_is_none_is_refused(user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUD_TOOLS_USER", user)
    with pytest.raises(UserError, match="HUD_TOOLS_USER"):
        tool_user()

"""The editor, command by command, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hud.tools import EditTool
from tests.hud.tools.calling import content, definition, failure, fill, text

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "code.py"
    path.write_bytes(b"one\ntwo\nthree\ntwo\n")
    return path


async def edit(file: Path, tool: EditTool | None = None, **arguments: Any) -> bytes:
    """The file after a command."""
    await text(tool or EditTool(), path=str(file), **arguments)
    return content(file)


async def test_a_file_is_viewed_with_line_numbers(file: Path) -> None:
    shown = await text(EditTool(), command="view", path=str(file))
    assert shown.endswith("     1\tone\n     2\ttwo\n     3\tthree\n     4\ttwo\n")


@pytest.mark.parametrize(
    ("view_range", "shown"),
    [([2, 3], ["two", "three"]), ([3, -1], ["three", "two"]), ([4, 99], ["two"])],
)
async def test_a_range_of_lines_is_viewed(
    file: Path, view_range: list[int], shown: list[str]
) -> None:
    said = await text(EditTool(), command="view", path=str(file), view_range=view_range)
    assert [line.split("\t")[1] for line in said.splitlines()[1:]] == shown


@pytest.mark.parametrize("view_range", [[0, 1], [5, 6], [3, 2], [1], [1, 2, 3]])
async def test_a_range_that_is_none_is_refused(file: Path, view_range: list[int]) -> None:
    told = await failure(EditTool(), command="view", path=str(file), view_range=view_range)
    assert f"`view_range` is {view_range}" in told


async def test_a_folder_is_viewed_two_levels_deep(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / ".hidden").touch()
    shown = (await text(EditTool(), command="view", path=str(tmp_path))).splitlines()[1:]
    assert shown == [str(tmp_path), f"{tmp_path}/a", f"{tmp_path}/a/b"]


async def test_a_file_is_created_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    assert await edit(path, command="create", file_text="no end") == b"no end"


async def test_a_file_is_not_created_over_another(file: Path) -> None:
    told = await failure(EditTool(), command="create", path=str(file), file_text="x")
    assert "exists already" in told
    assert content(file) == b"one\ntwo\nthree\ntwo\n"


async def test_a_text_that_occurs_once_is_replaced_and_shown(file: Path) -> None:
    tool = EditTool()
    said = await text(tool, command="str_replace", path=str(file), old_str="three", new_str="3")
    assert content(file) == b"one\ntwo\n3\ntwo\n"
    assert "     3\t3\n" in said


async def test_a_text_is_removed_where_nothing_replaces_it(file: Path) -> None:
    assert await edit(file, command="str_replace", old_str="three\n") == b"one\ntwo\ntwo\n"


@pytest.mark.parametrize(
    ("old_str", "reason"),
    [("two", "occurs 2 times"), ("four", "does not occur"), ("", "is empty")],
)
async def test_a_text_that_does_not_occur_once_is_not_replaced(
    file: Path, old_str: str, reason: str
) -> None:
    told = await failure(
        EditTool(), command="str_replace", path=str(file), old_str=old_str, new_str="x"
    )
    assert reason in told
    assert content(file) == b"one\ntwo\nthree\ntwo\n"


async def test_the_lines_in_which_a_text_occurs_are_told(file: Path) -> None:
    told = await failure(
        EditTool(), command="str_replace", path=str(file), old_str="two", new_str="x"
    )
    assert "in lines [2, 4]" in told


@pytest.mark.parametrize(
    ("line", "after"),
    [
        (0, b"new\none\ntwo\nthree\ntwo\n"),
        (2, b"one\ntwo\nnew\nthree\ntwo\n"),
        (4, b"one\ntwo\nthree\ntwo\nnew\n"),
    ],
)
@pytest.mark.parametrize("name", ["new_str", "insert_text"])
async def test_lines_are_inserted(file: Path, line: int, after: bytes, name: str) -> None:
    arguments: dict[str, Any] = {name: "new"}
    assert await edit(file, command="insert", insert_line=line, **arguments) == after


async def test_an_insertion_behind_a_last_line_without_an_end_gives_it_one(file: Path) -> None:
    fill(file, b"one")
    assert await edit(file, command="insert", insert_line=1, new_str="two") == b"one\ntwo"


async def test_a_line_that_is_not_there_is_refused(file: Path) -> None:
    told = await failure(
        EditTool(), command="insert", path=str(file), insert_line=5, insert_text="x"
    )
    assert "between 0 and 4" in told


async def test_every_edit_can_be_undone_down_to_the_creation(tmp_path: Path) -> None:
    tool, path = EditTool(), tmp_path / "a"
    await edit(path, tool, command="create", file_text="a b")
    await edit(path, tool, command="str_replace", old_str="a", new_str="A")
    await edit(path, tool, command="insert", insert_line=0, insert_text="x")
    assert await edit(path, tool, command="undo_edit") == b"A b"
    assert await edit(path, tool, command="undo_edit") == b"a b"
    await text(tool, command="undo_edit", path=str(path))
    assert not path.exists()
    assert "no edit of" in await failure(tool, command="undo_edit", path=str(path))


async def test_what_another_tool_did_cannot_be_undone(file: Path) -> None:
    assert "no edit" in await failure(EditTool(), command="undo_edit", path=str(file))


async def test_bytes_that_are_no_text_survive(file: Path) -> None:
    fill(file, b"caf\xe9 one\r\n\tx\0")
    after = await edit(file, command="str_replace", old_str="one", new_str="two")
    assert after == b"caf\xe9 two\r\n\tx\0"


async def test_line_ends_of_dos_are_kept(file: Path) -> None:
    fill(file, b"one\r\ntwo\r\n")
    after = await edit(file, command="str_replace", old_str="one\ntwo", new_str="1\n2")
    assert after == b"1\r\n2\r\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"command": "view", "path": "code.py"}, "not an absolute path"),
        ({"command": "view", "path": "/no/such"}, "does not exist"),
        ({"command": "str_replace", "path": "/"}, "only `view` works on folders"),
        ({"command": "create", "path": "/no/such"}, "needs `file_text`"),
        ({"command": "remove", "path": "/no/such"}, "'command'"),
    ],
)
async def test_a_call_that_cannot_be_made_says_why(arguments: dict[str, Any], reason: str) -> None:
    assert reason in await failure(EditTool(), **arguments)


async def test_below_a_base_path_paths_may_be_relative(file: Path) -> None:
    tool = EditTool(base_path=file.parent)
    assert "one" in await text(tool, command="view", path="code.py")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "link/secret", "a/../../secret"])
async def test_nothing_outside_of_the_base_path_is_reached(tmp_path: Path, path: str) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (tmp_path / "secret").write_text("secret")
    (base / "link").symlink_to(tmp_path)
    tool = EditTool(base_path=base)
    for command in ("view", "create"):
        told = await failure(tool, command=command, path=path, file_text="x")
        assert "is outside of" in told
    assert (tmp_path / "secret").read_text() == "secret"


async def test_a_subclass_decides_about_paths(tmp_path: Path) -> None:
    class Overwriting(EditTool):
        def validate_path(self, command: str, path: Path) -> None:
            if command != "create":
                super().validate_path(command, path)

    path = tmp_path / "a"
    tool = Overwriting()
    await edit(path, tool, command="create", file_text="1")
    assert await edit(path, tool, command="create", file_text="2") == b"2"
    assert await edit(path, tool, command="undo_edit") == b"1"


async def test_the_history_is_shared_with_whoever_gives_it(file: Path) -> None:
    history: dict[Path, list[str | None]] = {}
    await edit(file, EditTool(history), command="str_replace", old_str="one", new_str="1")
    assert history == {file: ["one\ntwo\nthree\ntwo\n"]}


def test_claude_is_told_that_it_knows_the_tool() -> None:
    spec = (definition(EditTool()).meta or {})["native_tools"]["claude"]
    assert spec["api_name"] == "str_replace_based_edit_tool"

"""Patches in the V4A format, by the tool and by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hud.tools import ApplyPatchTool
from hud.tools.coding.patch import DiffError, updated
from tests.hud.tools.calling import call, contents

TEXT = (
    "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 1\n"
)


async def apply(folder: Path, **arguments: Any) -> dict[str, Any]:
    result = await call(ApplyPatchTool(base_path=str(folder)), **arguments)
    return {"status": result["status"], "output": result["output"]}


@pytest.mark.anyio
async def test_a_file_is_created_updated_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a" / "n.txt"
    created = await apply(tmp_path, type="create_file", path="a/n.txt", diff="+one\n+two\n+")
    assert created == {"status": "completed", "output": "Created a/n.txt"}
    assert path.read_text() == "one\ntwo\n"
    await apply(tmp_path, type="update_file", path="a/n.txt", diff="@@\n one\n-two\n+TWO\n")
    assert path.read_text() == "one\nTWO\n"
    await apply(tmp_path, type="delete_file", path="a/n.txt")
    assert not path.exists()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "`type` is None"),
        ({"type": "rename_file", "path": "a"}, "it is one of create_file"),
        ({"type": "create_file", "path": "b", "diff": "one"}, "start with `+`"),
        ({"type": "create_file", "path": "a", "diff": "+x"}, "exists already"),
        ({"type": "create_file", "path": "../b", "diff": "+x"}, "is outside of"),
        ({"type": "create_file", "path": "link/b", "diff": "+x"}, "is outside of"),
        ({"type": "update_file", "path": "b", "diff": "@@"}, "there is no file `b`"),
        ({"type": "update_file", "path": "a", "diff": "@@\n-x"}, "does not hold these lines"),
        ({"type": "update_file", "path": "a"}, "needs `diff`"),
        ({"type": "delete_file", "path": "."}, "there is no file"),
    ],
)
async def test_a_patch_that_does_not_fit_changes_nothing(
    tmp_path: Path, arguments: dict[str, Any], reason: str
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "a").write_text("one\n")
    (base / "link").symlink_to(tmp_path)
    done = await apply(base, **arguments)
    assert done["status"] == "failed"
    assert reason in done["output"]
    assert contents(tmp_path) == {"base/a": b"one\n"}


@pytest.mark.anyio
async def test_a_whole_patch_changes_several_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    (tmp_path / "old").write_text("x\n")
    patch = (
        "*** Begin Patch\n*** Update File: a\n@@\n-one\n+1\n*** Update File: old\n"
        "*** Move to: new\n@@\n-x\n+y\n*** Add File: b\n+b\n*** End Patch\n"
    )
    broken = patch.replace("-x", "-z")
    assert (await apply(tmp_path, diff=broken))["status"] == "failed"
    assert (tmp_path / "a").read_text() == "one\n"
    done = await apply(tmp_path, diff=patch)
    assert done["output"] == "Updated a\nUpdated new\nCreated b"
    assert contents(tmp_path) == {"a": b"1\n", "new": b"y\n", "b": b"b"}


def test_an_anchor_says_where_to_look() -> None:
    after = updated(TEXT, "@@ class B:\n     def f(self):\n-        return 1\n+        return 2\n")
    assert after == TEXT[:-2] + "2\n"


def test_sections_follow_each_other() -> None:
    section = "@@\n-        return 1\n+        return 2\n"
    assert updated(TEXT, section + section) == TEXT.replace("1", "2")


def test_context_may_differ_in_outer_spaces_and_stays_as_it_is() -> None:
    assert updated("a  \n\tb\nc\n", "@@\n a\n b\n-c\n+C\n") == "a  \n\tb\nC\n"


def test_an_insertion_without_context_goes_to_the_end() -> None:
    assert updated("a\n", "@@\n+b\n") == "a\nb\n"


def test_the_end_of_the_file_can_be_meant() -> None:
    assert updated("x\ny\nx\n", "@@\n-x\n+z\n*** End of File\n") == "x\ny\nz\n"


def test_line_ends_of_dos_are_kept() -> None:
    assert updated("a\r\nb\r\n", "@@\n a\n-b\n+B\n") == "a\r\nB\r\n"


def test_a_line_that_is_none_of_a_patch_is_refused() -> None:
    with pytest.raises(DiffError, match="starts with a space"):
        updated("a\n", "@@\n*a\n")


LINES = st.lists(st.text("abc ", min_size=1, max_size=4), min_size=1, max_size=8, unique=True)


@given(LINES, LINES, st.data())
def test_a_replaced_line_is_the_only_change(
    lines: list[str], others: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(lines) - 1))
    new = "".join(others)
    diff = "@@\n" + "".join(f" {line}\n" for line in lines[:at]) + f"-{lines[at]}\n+{new}\n"
    text = "\n".join(lines) + "\n"
    assert updated(text, diff) == "\n".join([*lines[:at], new, *lines[at + 1 :]]) + "\n"

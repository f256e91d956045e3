"""The editing tools in the form of Gemini's command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hud.tools import GeminiEditTool, GeminiWriteTool
from tests.hud.tools.calling import failure, text

pytestmark = pytest.mark.anyio


async def replace(folder: Path, old: str, new: str, **more: Any) -> str:
    tool = GeminiEditTool(base_directory=str(folder))
    arguments = {"instruction": "", "old_string": old, "new_string": new, **more}
    return await text(tool, file_path="a.py", **arguments)


async def test_a_text_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\n")
    assert "(1 replacements)" in await replace(tmp_path, "two", "2")
    assert (tmp_path / "a.py").read_text() == "one\n2\n"


async def test_several_are_replaced_where_that_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a b a")
    tool = GeminiEditTool(str(tmp_path))
    asked = {"file_path": "a.py", "instruction": "", "old_string": "a", "new_string": "c"}
    assert "2 occurrences" in await failure(tool, **asked)
    await text(tool, **asked, allow_multiple=True)
    assert (tmp_path / "a.py").read_text() == "c b c"


async def test_a_text_with_other_indentation_is_found_and_keeps_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f():\n    if x:\n        y()\n")
    await replace(tmp_path, "if x:\n    y()", "if z:\n    y()")
    assert (tmp_path / "a.py").read_text() == "def f():\n    if z:\n        y()\n"


async def test_an_empty_text_makes_a_new_file_only(tmp_path: Path) -> None:
    assert await replace(tmp_path, "", "x") == "Created new file: a.py"
    tool = GeminiEditTool(str(tmp_path))
    told = await failure(tool, file_path="a.py", instruction="", old_string="", new_string="y")
    assert "exists already" in told
    assert (tmp_path / "a.py").read_text() == "x"


async def test_a_text_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    told = await failure(
        GeminiEditTool(str(tmp_path)),
        file_path="a.py",
        instruction="",
        old_string="two",
        new_string="",
    )
    assert "0 occurrences" in told


async def test_a_file_is_written_and_written_again(tmp_path: Path) -> None:
    tool = GeminiWriteTool(base_directory=str(tmp_path))
    assert await text(tool, file_path="x/y", content="a\n") == "Created file: x/y (1 lines)"
    assert await text(tool, file_path="x/y", content="a\nb") == "Overwrote file: x/y (2 lines)"
    assert (tmp_path / "x" / "y").read_text() == "a\nb"


async def test_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    tool = GeminiWriteTool(base_directory=str(tmp_path / "base"))
    assert "is outside of" in await failure(tool, file_path="../y", content="")

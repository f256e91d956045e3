"""Reading, searching, finding and listing files."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hud.tools import (
    BaseTool,
    GeminiGlobTool,
    GeminiListTool,
    GeminiReadManyTool,
    GeminiReadTool,
    GeminiSearchTool,
    GlobTool,
    GrepTool,
    ListTool,
    ReadTool,
)
from hud.tools.executors.images import blank
from tests.hud.tools.calling import call, failure, images, text

pytestmark = pytest.mark.anyio

FILES = {
    "a.py": "import os\nprint('hello')\n",
    "b.txt": "hello\n",
    "src/c.py": "# Hello\nhello()\n",
    "src/deep/d.ts": "hello\n",
    "node_modules/e.py": "hello\n",
    ".hidden/f.py": "hello\n",
    "logs/g.log": "hello\n",
    ".gitignore": "*.log\n!keep.log\n/src/deep/\n",
}
PICTURE = base64.b64decode(blank(2, 2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = tmp_path / "base"
    for position, (name, content) in enumerate(FILES.items()):
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (1000 - position, 1000 - position))
    (tmp_path / "secret.py").write_text("hello")
    (base / "link.py").symlink_to(tmp_path / "secret.py")
    (base / "up").symlink_to(tmp_path)
    return base


async def test_a_file_is_read_with_line_numbers(folder: Path) -> None:
    shown = await text(ReadTool(str(folder)), filePath=str(folder / "b.txt"))
    assert shown == "<file>\n00001| hello\n\n(End of file - total 1 lines)\n</file>"


async def test_a_long_file_is_read_by_pages(folder: Path) -> None:
    (folder / "long").write_text("".join(f"{number}\n" for number in range(5000)))
    tool = ReadTool(str(folder))
    assert "offset' parameter to read beyond line 2000" in await text(tool, filePath="long")
    page = await text(tool, filePath="long", offset=4998, limit=10)
    assert page.startswith("<file>\n04999| 4998\n05000| 4999\n")


async def test_a_long_line_is_cut(folder: Path) -> None:
    (folder / "long").write_text("x" * 5000)
    assert len(await text(ReadTool(str(folder)), filePath="long")) < 2200


@pytest.mark.parametrize("tool", [ReadTool, GeminiReadTool])
async def test_an_image_is_read_as_an_image(folder: Path, tool: Callable[[str], BaseTool]) -> None:
    (folder / "picture.txt").write_bytes(PICTURE)
    argument = "filePath" if tool is ReadTool else "file_path"
    (image,) = images(await call(tool(str(folder)), **{argument: "picture.txt"}))
    assert (image.mime_type, base64.b64decode(image.data)) == ("image/png", PICTURE)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "No such file"),
        ("src", "a folder, not a file"),
        ("binary", "binary file of 3 bytes"),
        ("pipe", "a device, pipe or socket"),
        ("link.py", "is outside of"),
        ("up/secret.py", "is outside of"),
        ("/etc/passwd", "is outside of"),
        ("a\0", "is no path"),
    ],
)
async def test_what_cannot_be_read_says_why(folder: Path, path: str, reason: str) -> None:
    (folder / "binary").write_bytes(b"\0\1\2")
    os.mkfifo(folder / "pipe")
    assert reason in await failure(ReadTool(str(folder)), filePath=path)


async def test_files_are_searched_the_newest_first(folder: Path) -> None:
    assert await text(GrepTool(str(folder)), pattern="hello") == (
        "Found 5 matches\n\na.py:\n  Line 2: print('hello')\n\nb.txt:\n  Line 1: hello\n\n"
        "src/c.py:\n  Line 2: hello()\n\nsrc/deep/d.ts:\n  Line 1: hello\n\n"
        "logs/g.log:\n  Line 1: hello"
    )


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        ({"include": "*.py"}, ["a.py", "src/c.py"]),
        ({"include": "src/**/*.{py,ts}"}, ["src/c.py", "src/deep/d.ts"]),
        ({"path": "src"}, ["src/c.py", "src/deep/d.ts"]),
        ({"path": "b.txt"}, ["b.txt"]),
    ],
)
async def test_a_search_can_be_narrowed(
    folder: Path, arguments: dict[str, str], files: list[str]
) -> None:
    found = await text(GrepTool(str(folder)), pattern="^.*hello", **arguments)
    assert [line[:-1] for line in found.splitlines() if line.endswith(":")] == files


async def test_too_many_matches_are_cut_and_said_to_be(folder: Path) -> None:
    found = await text(GrepTool(str(folder), max_results=2), pattern="hello")
    assert found.startswith("Found at least 2 matches")
    assert "Results are cut" in found


@pytest.mark.parametrize("pattern", ["(", "[", "*"])
async def test_an_expression_that_is_none_is_refused(folder: Path, pattern: str) -> None:
    assert "invalid regex pattern" in await failure(GrepTool(str(folder)), pattern=pattern)


async def test_nothing_found_says_so(folder: Path) -> None:
    assert await text(GrepTool(str(folder)), pattern="absent") == "No files found"
    assert await text(GlobTool(str(folder)), pattern="*.rs") == "No files found"


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("*.py", ["a.py"]),
        ("**/*.py", ["a.py", "src/c.py"]),
        ("src/**", ["src/c.py", "src/deep/d.ts"]),
        ("**/[!c].{py,ts}", ["a.py", "src/deep/d.ts"]),
        (".hidden/*", [".hidden/f.py"]),
        ("?.txt", ["b.txt"]),
    ],
)
async def test_files_are_found_by_globs(folder: Path, pattern: str, files: list[str]) -> None:
    assert (await text(GlobTool(str(folder)), pattern=pattern)).splitlines() == files


@pytest.mark.parametrize("tool", [GlobTool, GrepTool, GeminiGlobTool, GeminiSearchTool])
async def test_a_search_outside_of_the_folder_is_refused(
    folder: Path, tool: Callable[[str], BaseTool]
) -> None:
    name = "dir_path" if tool in (GeminiGlobTool, GeminiSearchTool) else "path"
    assert "is outside of" in await failure(tool(str(folder)), pattern="x", **{name: ".."})


async def test_a_folder_is_listed_as_a_tree(folder: Path) -> None:
    shown = await text(ListTool(str(folder)), ignore=["*.log", "b.*"])
    assert shown.splitlines() == [
        f"{folder}/",
        *(
            "  logs/",
            "  src/",
            "    deep/",
            "      d.ts",
            "    c.py",
            "  a.py",
            "  link.py",
            "  up",
        ),
    ]


async def test_a_large_folder_is_cut(folder: Path) -> None:
    assert "More than 2 entries" in await text(ListTool(str(folder), max_entries=2))


async def test_gemini_reads_a_range_and_says_how_to_go_on(folder: Path) -> None:
    tool = GeminiReadTool(str(folder))
    assert await text(tool, file_path="b.txt") == "hello"
    shown = await text(tool, file_path="src/c.py", start_line=1, end_line=1)
    assert "Showing lines 1-1 of 2 total lines" in shown
    assert shown.endswith("---\n# Hello")


async def test_gemini_searches_without_regard_to_case(folder: Path) -> None:
    tool = GeminiSearchTool(str(folder))
    asked = {"pattern": "hello", "dir_path": "src"}
    assert "Found 3 matches in 2 files" in await text(tool, **asked)
    assert "Found 2 matches" in await text(tool, **asked, exclude_pattern="#")
    assert await text(tool, **asked, names_only=True) == "src/c.py\nsrc/deep/d.ts"
    assert "Found 2 matches" in await text(tool, **asked, max_matches_per_file=1)


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        ({"pattern": "**/*.LOG"}, []),
        ({"pattern": "**/*.LOG", "respect_git_ignore": False}, ["logs/g.log"]),
        ({"pattern": "**/*.LOG", "respect_git_ignore": False, "case_sensitive": True}, []),
        ({"pattern": "src/**"}, ["src/c.py"]),
        ({"pattern": "*.ts", "dir_path": "src/deep"}, ["src/deep/d.ts"]),
    ],
)
async def test_gemini_finds_what_git_does_not_ignore(
    folder: Path, arguments: dict[str, Any], files: list[str]
) -> None:
    found = await text(GeminiGlobTool(str(folder)), **arguments)
    assert [line for line in found.splitlines() if line.startswith("/")] == [
        str(folder / name) for name in files
    ]


async def test_gemini_lists_folders_first(folder: Path) -> None:
    shown = await text(GeminiListTool(str(folder)), dir_path=".", ignore=["node_modules", "up"])
    assert shown.splitlines()[:3] == ["[DIR] logs", "[DIR] src", "a.py (25 bytes)"]


async def test_gemini_reads_many_files(folder: Path) -> None:
    shown = await text(GeminiReadManyTool(str(folder)), include=["*.py", "b.txt"], exclude=["a*"])
    assert shown == "--- b.txt ---\nhello\n\n--- End of content ---"

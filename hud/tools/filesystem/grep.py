"""Searching the content of files by a regular expression of Python's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import mcp_types

from hud.errors import ToolError
from hud.tools.filesystem.tool import FilesystemTool, Walk, name_filter, newest_first
from hud.tools.system.user import in_thread
from hud.tools.system.workspace import Workspace, printable

MAX_LINE_LENGTH = 2000
LARGEST_SEARCHED = 16 * 1024 * 1024
"""Bytes of a file that is searched."""


@dataclass(frozen=True)
class FileMatch:
    """A line that matches."""

    path: str
    """From the tool's folder."""
    line_num: int
    line_text: str
    mtime: float = 0.0


@dataclass(frozen=True)
class Search:
    """What is searched for, and where."""

    pattern: re.Pattern[str]
    include: re.Pattern[str]
    """The files, by their path from the folder."""
    exclude: re.Pattern[str] | None = None
    """Lines that match this as well do not count."""
    max_files: int = 1000
    per_file: int | None = None
    """Matches of one file that are looked for."""

    def run(self, workspace: Workspace, start: Path) -> Iterator[FileMatch]:
        """The matches in a file, or in the files below a folder, those that were changed last
        first.
        """
        for path in self._paths(start):
            matches = self._in_file(workspace, path)
            yield from islice(matches, self.per_file)

    def _paths(self, start: Path) -> list[Path]:
        if not start.is_dir():
            return [start]
        found = (
            Path(entry.path)
            for entry in Walk().files(start)
            if self.include.fullmatch(os.path.relpath(entry.path, start))
        )
        return sorted(islice(found, self.max_files), key=newest_first)

    def _in_file(self, workspace: Workspace, path: Path) -> Iterator[FileMatch]:
        try:
            content = workspace.read(path) if path.stat().st_size <= LARGEST_SEARCHED else b"\0"
        except (OSError, ToolError):
            return
        if b"\0" in content[:8192]:
            return
        text = printable(content.decode("utf-8", "surrogateescape"))
        shown, changed = workspace.shown(path), -newest_first(path)[0]
        for number, line in enumerate(text.split("\n"), 1):
            line = line.removesuffix("\r")
            if self.pattern.search(line) and not (self.exclude and self.exclude.search(line)):
                yield FileMatch(shown, number, line[:MAX_LINE_LENGTH], changed)


class GrepTool(FilesystemTool):
    """Searches the content of files by a regular expression

    Returns the files with their matching lines, the file that was changed last first. Binary files,
    hidden files and folders of dependencies are left out.
    """

    name = "grep"
    title = "Grep"

    def __init__(
        self,
        base_path: str | Path = ".",
        max_results: int = 100,
        max_files: int = 1000,
        **described: Any,
    ) -> None:
        """Make the tool.

        It searches at most `max_files` files and returns at most `max_results` lines.
        """
        super().__init__(base_path, **described)
        self.max_results = max_results
        self.max_files = max_files

    async def __call__(
        self, pattern: str, path: str | None = None, include: str | None = None
    ) -> list[mcp_types.TextContent]:
        """Search.

        Args:
            pattern: The regular expression.
            path: A folder or a file to search; the tool's folder by default.
            include: Glob of the files to search, such as `*.py` or `src/**/*.{ts,tsx}`.

        Raises:
            ToolError: the expression is none, or the path does not exist.
        """
        search = Search(compiled(pattern), name_filter(include), max_files=self.max_files)
        matches = await find(self, search, path, self.max_results + 1)
        return [mcp_types.TextContent(text=self.format_output(matches, pattern))]

    def format_output(self, matches: list[FileMatch], pattern: str) -> str:
        """The matches as text."""
        if not matches:
            return "No files found"
        shown = matches[: self.max_results]
        more = "at least " if len(matches) > len(shown) else ""
        note = "\n\n(Results are cut. Use a more specific path or pattern.)" if more else ""
        return f"Found {more}{len(shown)} matches\n\n{by_file(shown)}{note}"


def compiled(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """A regular expression.

    Raises:
        ToolError: it is none.
    """
    try:
        return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, RecursionError, OverflowError) as exc:
        raise ToolError(f"invalid regex pattern: {exc}") from exc


async def find(
    tool: FilesystemTool, search: Search, path: str | None, most: int
) -> list[FileMatch]:
    """The first matches of a search in the folder or file that `path` means.

    Raises:
        ToolError: it does not exist, or lies elsewhere.
    """
    start = tool.resolve_path(path or ".")
    if not start.exists():
        raise ToolError(f"`{path}` does not exist")
    return await in_thread(lambda: list(islice(search.run(tool.workspace, start), most)))


def by_file(matches: list[FileMatch]) -> str:
    """Matches as text, each file's under its name."""
    groups = groupby(matches, key=lambda match: match.path)
    return "\n\n".join(
        "\n".join([f"{path}:", *(f"  Line {match.line_num}: {match.line_text}" for match in found)])
        for path, found in groups
    )

"""Listing folders as a tree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcp_types

from hud.tools.filesystem.ignore import IGNORE_DIRS
from hud.tools.filesystem.tool import FilesystemTool, entries, name_filter
from hud.tools.system.user import in_thread


class ListTool(FilesystemTool):
    """Lists the files and folders below a path as a tree; folders of dependencies are left out."""

    name = "list"
    title = "List"

    def __init__(
        self, base_path: str | Path = ".", max_entries: int = 100, **described: Any
    ) -> None:
        """Make the tool; it returns at most `max_entries` entries."""
        super().__init__(base_path, **described)
        self.max_entries = max_entries

    async def __call__(
        self, path: str | None = None, ignore: list[str] | None = None
    ) -> list[mcp_types.TextContent]:
        """List a folder.

        Args:
            path: The folder; the tool's own by default.
            ignore: Globs of what to leave out.

        Raises:
            ToolError: it does not exist, or lies elsewhere.
        """
        folder = self.folder(path)
        lines = await in_thread(self._tree, folder, [name_filter(glob) for glob in ignore or ()])
        return [mcp_types.TextContent(text="\n".join([f"{folder}/", *lines]))]

    def _tree(self, folder: Path, ignored: list[re.Pattern[str]]) -> list[str]:
        lines: list[str] = []
        for line in _lines(folder, folder, ignored, 1):
            if len(lines) == self.max_entries:
                return [*lines, "", f"(More than {self.max_entries} entries: list a folder below.)"]
            lines.append(line)
        return lines


def _lines(top: Path, folder: Path, ignored: list[re.Pattern[str]], depth: int) -> Iterator[str]:
    """Folders first, then files, each indented by its depth."""
    found = [entry for entry in entries(folder) if not _is_left_out(entry, top, ignored)]
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield f"{'  ' * depth}{entry.name}/"
            yield from _lines(top, Path(entry.path), ignored, depth + 1)
    for entry in found:
        if not entry.is_dir(follow_symlinks=False):
            yield f"{'  ' * depth}{entry.name}"


def _is_left_out(entry: os.DirEntry[str], top: Path, ignored: list[re.Pattern[str]]) -> bool:
    path = os.path.relpath(entry.path, top)
    return (
        entry.name.startswith(".")
        or entry.name in IGNORE_DIRS
        or any(pattern.fullmatch(path) for pattern in ignored)
    )

"""Finding files by a pattern of their path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import mcp_types

from hud.tools.filesystem.tool import FilesystemTool, Walk, name_filter, newest_first
from hud.tools.system.user import in_thread


class GlobTool(FilesystemTool):
    """Finds files by a glob such as `**/*.js` or `src/**/*.ts`.

    Those that were changed last come first.
    """

    name = "glob"
    title = "Glob"

    def __init__(
        self, base_path: str | Path = ".", max_results: int = 100, **described: Any
    ) -> None:
        """Make the tool; it returns at most `max_results` files."""
        super().__init__(base_path, **described)
        self.max_results = max_results

    async def __call__(self, pattern: str, path: str | None = None) -> list[mcp_types.TextContent]:
        """Find files.

        Args:
            pattern: The glob; `*` stays within a folder, `**` crosses folders.
            path: The folder to look in; the tool's folder by default.

        Raises:
            ToolError: the folder does not exist, or lies elsewhere.
        """
        folder = self.folder(path)
        found = await in_thread(matching, folder, pattern, Walk(hidden="/." in f"/{pattern}"))
        found.sort(key=newest_first)
        shown = [self.workspace.shown(item) for item in found[: self.max_results]]
        if len(found) > len(shown):
            note = (
                f"(Results are cut: {len(found)} files match. Use a more specific path or pattern.)"
            )
            shown += ["", note]
        return [mcp_types.TextContent(text="\n".join(shown) or "No files found")]


def matching(folder: Path, pattern: str, walk: Walk, ignore_case: bool = False) -> list[Path]:
    """The files below a folder whose path from there the glob matches.

    `*.py` is those of the folder itself.
    """
    own = pattern if "/" in pattern or pattern.startswith("**") else f"/{pattern}"
    wanted = name_filter(own, ignore_case=ignore_case)
    return [
        Path(entry.path)
        for entry in walk.files(folder)
        if wanted.fullmatch(os.path.relpath(entry.path, folder))
    ]

"""What tools that look at files have in common: the folder that they see, and how they walk it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hud.errors import ToolError
from hud.tools.filesystem.ignore import IGNORE_DIRS, Rule, glob_pattern, ignores, read_rules
from hud.tools.system.workspace import Workspace
from hud.tools.tool import BaseTool


class FilesystemTool(BaseTool):
    """A tool that looks at files below `base_path`; paths may be absolute or relative to it."""

    def __init__(self, base_path: str | Path = ".", **described: Any) -> None:
        super().__init__(**described)
        self.workspace = Workspace(base_path)

    @property
    def base_path(self) -> Path:
        """The folder that the tool sees."""
        assert self.workspace.base is not None
        return self.workspace.base

    def resolve_path(self, path: str) -> Path:
        """The real path that `path` means.

        Raises:
            ToolError: it lies outside of the folder.
        """
        return self.workspace.resolve(path)

    def folder(self, path: str | None) -> Path:
        """The folder that `path` means; without one, the tool's own.

        Raises:
            ToolError: there is no such folder.
        """
        found = self.resolve_path(path or ".")
        if not found.is_dir():
            reason = "is not a folder" if found.exists() else "does not exist"
            raise ToolError(f"`{path}` {reason}")
        return found


@dataclass(frozen=True)
class Walk:
    """How a folder is walked: what is left out of it."""

    hidden: bool = False
    """Whether to see names that begin with a dot."""
    dependencies: bool = False
    """Whether to see folders such as `node_modules`."""
    ignore_files: tuple[str, ...] = ()
    """Names of files whose rules are followed, such as `.gitignore`."""

    def files(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        """The files below a folder, by name.

        Links are not followed, and unreadable folders are left out.
        """
        return self._files(folder, "", ())

    def _files(
        self, folder: Path, inside: str, known: tuple[tuple[str, Rule], ...]
    ) -> Iterator[os.DirEntry[str]]:
        rules = (*known, *((inside, rule) for rule in self._rules(folder)))
        for entry in entries(folder):
            path, is_folder = inside + entry.name, entry.is_dir(follow_symlinks=False)
            if not self._sees(entry.name, is_folder) or ignores(rules, path, is_folder=is_folder):
                continue
            if is_folder:
                yield from self._files(Path(entry.path), f"{path}/", rules)
            elif entry.is_file(follow_symlinks=False):
                yield entry

    def _sees(self, name: str, is_folder: bool) -> bool:
        if name.startswith(".") and not self.hidden:
            return False
        return self.dependencies or not (is_folder and name in IGNORE_DIRS)

    def _rules(self, folder: Path) -> Iterator[Rule]:
        for name in self.ignore_files:
            path = folder / name
            if path.is_file() and not path.is_symlink():
                yield from read_rules(path.read_text("utf-8", "replace"))


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder by name; none of one that cannot be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def name_filter(glob: str | None, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Paths that a glob means: without a slash it is compared with the name alone."""
    glob = glob or "**"
    prefix = "" if "/" in glob else "(?:.*/)?"
    body = glob_pattern(glob.removeprefix("./").removeprefix("/"))
    return re.compile(prefix + body, re.IGNORECASE if ignore_case else 0)


def newest_first(path: Path) -> tuple[float, str]:
    """Sorts files by when they were changed, the newest first, then by name."""
    try:
        return -path.stat().st_mtime, str(path)
    except OSError:
        return 0.0, str(path)

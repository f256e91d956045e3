"""Importing the author's files from their source, never from cached bytecode.

Bytecode is taken for current if the source has the same size and was changed in the same second:
two saves of `1` and `2` can look the same.
"""

from __future__ import annotations

import sys
from importlib.abc import PathEntryFinder
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType

INSTALLED = frozenset(("site-packages", "dist-packages"))


class SourceLoader(SourceFileLoader):
    """Compiles a file's source each time."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def read_sources_below(root: Path) -> None:
    """Let this process import what lies below `root`, but for installed libraries, from its
    source.
    """
    resolved = root.resolve()
    hook = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (SourceLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )

    def find_below(folder: str) -> PathEntryFinder:
        path = Path(folder).resolve()
        if not path.is_relative_to(resolved) or not INSTALLED.isdisjoint(path.parts):
            raise ImportError(f"{folder} is not the author's")
        return hook(folder)

    sys.path_hooks.insert(0, find_below)
    for folder in list(sys.path_importer_cache):
        if folder.startswith((str(root), str(resolved))):
            del sys.path_importer_cache[folder]

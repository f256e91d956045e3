"""Tools for looking at files: reading, searching, finding and listing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hud.tools.filesystem.gemini import (
        GeminiGlobTool,
        GeminiListTool,
        GeminiReadManyTool,
        GeminiReadTool,
        GeminiSearchTool,
    )
    from hud.tools.filesystem.glob import GlobTool
    from hud.tools.filesystem.grep import FileMatch, GrepTool
    from hud.tools.filesystem.list import ListTool
    from hud.tools.filesystem.read import ReadTool
    from hud.tools.filesystem.tool import FilesystemTool

__all__ = [
    "FileMatch",
    "FilesystemTool",
    "GeminiGlobTool",
    "GeminiListTool",
    "GeminiReadManyTool",
    "GeminiReadTool",
    "GeminiSearchTool",
    "GlobTool",
    "GrepTool",
    "ListTool",
    "ReadTool",
]

HOMES = {
    "FileMatch": "grep",
    "FilesystemTool": "tool",
    "GlobTool": "glob",
    "GrepTool": "grep",
    "ListTool": "list",
    "ReadTool": "read",
}
"""Where the tools live; every other name is of `gemini`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{HOMES.get(name, 'gemini')}")
    value = globals()[name] = getattr(home, name)
    return value

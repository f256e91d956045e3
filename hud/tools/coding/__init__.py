"""Tools for working on code: shells, editors and patches."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hud.tools.coding.apply_patch import ApplyPatchResult, ApplyPatchTool, DiffError
    from hud.tools.coding.bash import BashTool, _BashSession
    from hud.tools.coding.edit import Command, EditTool
    from hud.tools.coding.gemini_edit import GeminiEditTool
    from hud.tools.coding.gemini_shell import GeminiShellOutput, GeminiShellTool
    from hud.tools.coding.gemini_write import GeminiWriteTool
    from hud.tools.coding.session import (
        BashSession,
        ClaudeBashSession,
        ShellCallOutcome,
        ShellCommandOutput,
    )
    from hud.tools.coding.shell import ShellResult, ShellTool
    from hud.tools.coding.utils import (
        SNIPPET_LINES,
        make_snippet,
        maybe_truncate,
        read_file_async,
        read_file_sync,
        validate_path,
        write_file_async,
        write_file_sync,
    )

__all__ = [
    "SNIPPET_LINES",
    "ApplyPatchResult",
    "ApplyPatchTool",
    "BashSession",
    "BashTool",
    "ClaudeBashSession",
    "Command",
    "DiffError",
    "EditTool",
    "GeminiEditTool",
    "GeminiShellOutput",
    "GeminiShellTool",
    "GeminiWriteTool",
    "ShellCallOutcome",
    "ShellCommandOutput",
    "ShellResult",
    "ShellTool",
    "_BashSession",
    "make_snippet",
    "maybe_truncate",
    "read_file_async",
    "read_file_sync",
    "validate_path",
    "write_file_async",
    "write_file_sync",
]

MODULES = {
    "apply_patch": ("ApplyPatchResult", "ApplyPatchTool", "DiffError"),
    "bash": ("BashTool", "_BashSession"),
    "edit": ("Command", "EditTool"),
    "gemini_edit": ("GeminiEditTool",),
    "gemini_shell": ("GeminiShellOutput", "GeminiShellTool"),
    "gemini_write": ("GeminiWriteTool",),
    "session": ("BashSession", "ClaudeBashSession", "ShellCallOutcome", "ShellCommandOutput"),
    "shell": ("ShellResult", "ShellTool"),
}
"""Where the tools live; every other name is of `utils`."""

HOMES = {name: module for module, names in MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{HOMES.get(name, 'utils')}")
    value = globals()[name] = getattr(home, name)
    return value

"""Functions that published tools import from here, beside those of the editor."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hud.errors import ToolError
from hud.tools.coding.snippet import (
    MAX_RESPONSE_LENGTH,
    SNIPPET_LINES,
    make_snippet,
    maybe_truncate,
)
from hud.tools.system.user import in_thread
from hud.tools.system.workspace import Workspace

__all__ = [
    "MAX_RESPONSE_LENGTH",
    "SNIPPET_LINES",
    "get_demote_preexec_fn",
    "make_snippet",
    "maybe_truncate",
    "read_file_async",
    "read_file_sync",
    "resolve_path_safely",
    "validate_path",
    "write_file_async",
    "write_file_sync",
]

USER = 1000
"""User and group that published environments run commands as."""


def get_demote_preexec_fn() -> Callable[[], None] | None:
    """What a new process calls to give up root's rights for those of user 1000; None if this one
    has none.

    The ready-made tools ask the setting `HUD_TOOLS_USER` instead.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None

    def demote() -> None:
        os.setgroups([])
        os.setgid(USER)
        os.setuid(USER)

    return demote


async def read_file_async(path: Path) -> str:
    """The text of a file. Raises ToolError."""
    return await in_thread(read_file_sync, path)


async def write_file_async(path: Path, content: str) -> None:
    """Make or replace a file. Raises ToolError."""
    await in_thread(write_file_sync, path, content)


def read_file_sync(path: Path) -> str:
    """The text of a file. Raises ToolError."""
    files = Workspace(None)
    return files.read_text(files.resolve(path))


def write_file_sync(path: Path, content: str) -> None:
    """Make or replace a file. Raises ToolError."""
    files = Workspace(None)
    files.write_text(files.resolve(path), content)


def validate_path(path: Path, must_exist: bool = True, allow_dir: bool = False) -> None:
    """Refuse a path that is relative, missing, or a folder where none is meant.

    Raises:
        ToolError: says which.
    """
    if not path.is_absolute():
        raise ToolError(f"`{path}` is not an absolute path: it should start with `/`")
    if must_exist and not path.exists():
        raise ToolError(f"`{path}` does not exist")
    if path.is_dir() and not allow_dir:
        raise ToolError(f"`{path}` is a folder")


def resolve_path_safely(file_path: str, base_path: Path) -> Path:
    """The real path of `file_path`, which lies below `base_path`.

    Raises:
        ToolError: it does not.
    """
    return Workspace(base_path).resolve(file_path)

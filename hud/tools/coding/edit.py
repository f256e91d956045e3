"""The editor: view, create, replace, insert, undo.

What it does not change in a file stays byte for byte.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, get_args

import mcp_types

from hud.errors import ToolError
from hud.tools.coding.bash import CLAUDE_MODELS
from hud.tools.coding.snippet import SNIPPET_LINES, make_snippet
from hud.tools.system.user import in_thread
from hud.tools.system.workspace import Workspace, printable
from hud.tools.tool import BaseTool
from hud.tools.types import ContentResult
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

T = TypeVar("T")

Command = Literal["view", "create", "str_replace", "insert", "undo_edit"]

VERSIONS = 50
"""Earlier versions of a file that can be brought back."""
LISTED = 1000
"""Entries of a folder that are shown."""
REVIEW = "Review the changes and make sure they are as expected. Edit the file again if necessary."


@dataclass(frozen=True)
class _Change:
    """Text that is new in a file, and the number of lines before it."""

    line: int
    text: str


class EditTool(BaseTool):
    """View, create, and edit files with undo support"""

    name = "edit"
    title = "File Editor"
    native_specs: ClassVar[NativeToolSpecs] = {
        AgentType.CLAUDE: NativeToolSpec(
            api_type="text_editor_20250728",
            api_name="str_replace_based_edit_tool",
            role="editor",
            supported_models=CLAUDE_MODELS,
        )
    }

    def __init__(
        self,
        file_history: dict[Path, list[str | None]] | None = None,
        *,
        base_path: str | Path | None = None,
        **described: Any,
    ) -> None:
        """Make the tool.

        With `base_path`, only files below it can be touched, and paths may be relative to it.
        `file_history` holds earlier versions by path, None for a file that was not there.
        `described`: name, title, description, meta.
        """
        super().__init__(env={} if file_history is None else file_history, **described)
        self.workspace = Workspace(base_path)

    @property
    def file_history(self) -> dict[Path, list[str | None]]:
        """Earlier versions by path, the newest last."""
        history: dict[Path, list[str | None]] = self.env
        return history

    async def __call__(  # noqa: PLR0913 - the tool's parameters
        self,
        *,
        command: Command,
        path: str,
        file_text: str | None = None,
        view_range: list[int] | None = None,
        old_str: str | None = None,
        new_str: str | None = None,
        insert_line: int | None = None,
        insert_text: str | None = None,
    ) -> list[mcp_types.ContentBlock]:
        """Run one command of the editor.

        Args:
            command: What to do.
            path: The file or folder.
            file_text: Content of a file to create.
            view_range: First and last line to view; -1 stands for the last of the file.
            old_str: Text to replace; it has to occur exactly once.
            new_str: What replaces it, or the text to insert.
            insert_line: Line after which to insert; 0 is the beginning.
            insert_text: The text to insert, under its newer name.

        Raises:
            ToolError: the command cannot be run; the message says why.
        """
        if command not in get_args(Command):
            known = ", ".join(get_args(Command))
            raise ToolError(f"unknown command {command!r}; there are: {known}")
        target = self._path(path)
        self.validate_path(command, target)
        if command == "view":
            result = await self.view(target, view_range)
        elif command == "create":
            result = await self.create(target, _given(file_text, "file_text", command))
        elif command == "str_replace":
            result = await self.str_replace(target, _given(old_str, "old_str", command), new_str)
        elif command == "insert":
            line = _given(insert_line, "insert_line", command)
            text = insert_text if insert_text is not None else new_str
            result = await self.insert(target, line, _given(text, "insert_text", command))
        else:
            result = await self.undo_edit(target)
        return result.to_content_blocks()

    def validate_path(self, command: str, path: Path) -> None:
        """Refuse a path that does not go with the command; subclasses may decide otherwise.

        Raises:
            ToolError: it is relative, missing, a folder, or there already.
        """
        if not path.is_absolute():
            raise ToolError(f"`{path}` is not an absolute path: it should start with `/`")
        if command == "create":
            if path.exists():
                raise ToolError(f"`{path}` exists already; `create` does not overwrite files")
        elif not path.exists() and not (command == "undo_edit" and path in self.file_history):
            raise ToolError(f"`{path}` does not exist")
        if path.is_dir() and command != "view":
            raise ToolError(f"`{path}` is a folder; only `view` works on folders")

    async def view(self, path: Path, view_range: list[int] | None = None) -> ContentResult:
        """The lines of a file, or the entries of a folder two levels deep."""
        if await in_thread(path.is_dir):
            if view_range:
                raise ToolError(f"`{path}` is a folder, and `view_range` is for files")
            listing = await in_thread(_listing, path)
            return ContentResult(output=listing)
        lines = _lines(await self._read(path))
        first, last = _checked_range(view_range, len(lines))
        shown = "".join(lines[first - 1 : last]).removesuffix("\n")
        return ContentResult(output=make_snippet(shown, str(path), first))

    async def create(self, path: Path, file_text: str) -> ContentResult:
        """Make a file, or replace one where `validate_path` lets it."""
        before = await self._read(path) if await in_thread(path.exists) else None
        await self._write(path, file_text, before)
        return ContentResult(output=f"File created successfully at: {path}")

    async def str_replace(self, path: Path, old_str: str, new_str: str | None) -> ContentResult:
        """Replace a text that occurs exactly once."""
        before = await self._read(path)
        old, new = _with_line_ends_of(before, old_str, new_str or "")
        if not old:
            raise ToolError("`old_str` is empty: nothing can be replaced")
        count = before.count(old)
        if count == 0:
            raise ToolError(
                f"nothing was replaced: `old_str` does not occur in `{path}`: {_short(old)}"
            )
        if count > 1:
            lines = [before.count("\n", 0, at) + 1 for at in _occurrences(before, old)]
            raise ToolError(
                f"nothing was replaced: `old_str` occurs {count} times in `{path}`, "
                f"in lines {lines}; make it unique"
            )
        at = before.index(old)
        await self._write(path, before[:at] + new + before[at + len(old) :], before)
        changed = _Change(before.count("\n", 0, at), new)
        return await self._edited(path, changed)

    async def insert(self, path: Path, insert_line: int, new_str: str) -> ContentResult:
        """Insert lines after a line."""
        before = await self._read(path)
        lines = _lines(before)
        if not 0 <= insert_line <= len(lines):
            raise ToolError(
                f"`insert_line` is {insert_line}; "
                f"it should be between 0 and {len(lines)}, the lines of the file"
            )
        text, _ = _with_line_ends_of(before, new_str, "")
        end = "\r\n" if "\r\n" in before else "\n"
        head, tail = "".join(lines[:insert_line]), "".join(lines[insert_line:])
        if head and not head.endswith("\n"):
            head += end
        if (tail or before.endswith("\n")) and not text.endswith("\n"):
            text += end
        await self._write(path, head + text + tail, before)
        return await self._edited(path, _Change(insert_line, text.removesuffix(end)))

    async def undo_edit(self, path: Path) -> ContentResult:
        """Bring back what a file was before the last edit; a file that was made is removed."""
        versions = self.file_history.get(path)
        if not versions:
            raise ToolError(f"there is no edit of `{path}` to undo")
        earlier = versions.pop()
        if earlier is None:
            await in_thread(self.workspace.remove, path)
            return ContentResult(
                output=f"Last edit to {path} undone successfully: the file is gone again."
            )
        await in_thread(self.workspace.write_text, path, earlier)
        return ContentResult(
            output=f"Last edit to {path} undone successfully. {make_snippet(earlier, str(path))}"
        )

    def _path(self, path: str) -> Path:
        if self.workspace.base is None:
            return Path(path)
        return self.workspace.resolve(path)

    async def _read(self, path: Path) -> str:
        return await in_thread(self.workspace.read_text, self.workspace.resolve(path))

    async def _write(self, path: Path, text: str, before: str | None) -> None:
        await in_thread(self.workspace.write_text, self.workspace.resolve(path), text)
        versions = self.file_history.setdefault(path, [])
        versions.append(before)
        del versions[:-VERSIONS]

    async def _edited(self, path: Path, change: _Change) -> ContentResult:
        lines = _lines(await self._read(path))
        first = max(change.line - SNIPPET_LINES, 0)
        last = change.line + change.text.count("\n") + SNIPPET_LINES + 1
        shown = "".join(lines[first:last]).removesuffix("\n")
        snippet = make_snippet(shown, f"a snippet of {path}", first + 1)
        return ContentResult(output=f"The file {path} has been edited. {snippet}{REVIEW}")


def _given(value: T | None, name: str, command: str) -> T:
    if value is None:
        raise ToolError(f"`{command}` needs `{name}`")
    return value


def _lines(text: str) -> list[str]:
    """The lines with their ends; the last may have none."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _checked_range(view_range: list[int] | None, lines: int) -> tuple[int, int]:
    if view_range is None:
        return 1, lines
    if len(view_range) != 2:
        raise ToolError(
            f"`view_range` is {view_range}; it should be two numbers: first and last line"
        )
    first, last = view_range
    if not 1 <= first <= max(lines, 1):
        raise ToolError(f"`view_range` is {view_range}, but the file has the lines 1 to {lines}")
    if last == -1:
        return first, lines
    if last < first:
        raise ToolError(f"`view_range` is {view_range}: it ends before it begins")
    return first, min(last, lines)


def _with_line_ends_of(content: str, *texts: str) -> list[str]:
    """Texts as they would stand in a file whose lines all end in CR LF.

    Unchanged for any other file.
    """
    is_dos = "\r\n" in content and "\n" not in content.replace("\r\n", "")
    if not is_dos:
        return list(texts)
    return [text.replace("\r\n", "\n").replace("\n", "\r\n") for text in texts]


def _occurrences(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))


def _short(text: str) -> str:
    shown = printable(text)
    return repr(shown if len(shown) <= 200 else f"{shown[:200]}…")


def _listing(path: Path) -> str:
    entries = [str(path), *_entries(path, 2)]
    shown = "\n".join(entries[:LISTED])
    more = f"\n[… {len(entries) - LISTED:,} entries left out …]" if len(entries) > LISTED else ""
    title = (
        f"Here's the files and directories up to 2 levels deep in {path}, excluding hidden items:"
    )
    return f"{title}\n{shown}{more}\n"


def _entries(folder: Path, depth: int) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as exc:
        raise ToolError(f"cannot list `{folder}`: {exc.strerror}") from exc
    for entry in entries:
        if not entry.name.startswith("."):
            yield entry.path
            if depth > 1 and entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path), depth - 1)

"""Memory in the form of Claude's: files below a folder that the model knows as `/memories`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, ClassVar, Literal

import mcp_types

from hud.errors import ToolError
from hud.tools.coding.edit import EditTool
from hud.tools.system.user import in_thread
from hud.tools.tool import BaseTool
from hud.tools.types import ContentResult
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

ClaudeMemoryCommand = Literal["view", "create", "str_replace", "insert", "delete", "rename"]

ROOT = "/memories"
"""What the model calls the folder."""


class ClaudeMemoryTool(BaseTool):
    """Store and retrieve persistent information across conversations"""

    name = "memory"
    title = "Memory"
    native_specs: ClassVar[NativeToolSpecs] = {
        AgentType.CLAUDE: NativeToolSpec(
            api_type="memory_20250818",
            api_name="memory",
            beta="context-management-2025-06-27",
            role="memory",
        )
    }

    def __init__(
        self,
        memories_dir: str | Path = ROOT,
        file_history: dict[Path, list[str | None]] | None = None,
        **described: Any,
    ) -> None:
        """Make the tool; its files lie below `memories_dir`."""
        super().__init__(**described)
        self.editor = EditTool(file_history, base_path=memories_dir)

    async def __call__(  # noqa: PLR0913 - the tool's parameters
        self,
        *,
        command: ClaudeMemoryCommand,
        path: str | None = None,
        view_range: list[int] | None = None,
        file_text: str | None = None,
        old_str: str | None = None,
        new_str: str | None = None,
        insert_line: int | None = None,
        insert_text: str | None = None,
        old_path: str | None = None,
        new_path: str | None = None,
    ) -> list[mcp_types.ContentBlock]:
        """Run one command on the memories.

        Args:
            command: What to do.
            path: The file or folder, below `/memories`.
            view_range: First and last line to view.
            file_text: Content of a file to make or replace.
            old_str: Text to replace; it has to occur exactly once.
            new_str: What replaces it.
            insert_line: Line after which to insert; 0 is the beginning.
            insert_text: The text to insert.
            old_path: The file or folder to rename.
            new_path: Its new name.

        Raises:
            ToolError: the command cannot be run; the message says why.
        """
        if command == "rename":
            return _said(await in_thread(self._rename, _given(old_path), _given(new_path)))
        target = self._resolve(_given(path))
        if command == "delete":
            return _said(await in_thread(self._delete, target))
        if command == "create":
            return _said(await in_thread(self._create, target, file_text))
        if command == "view" and target.is_dir() and not view_range:
            return _said(await in_thread(self._listing, target))
        texts: dict[str, Any] = {"old_str": old_str, "new_str": new_str, "insert_text": insert_text}
        lines: dict[str, Any] = {"view_range": view_range, "insert_line": insert_line}
        blocks = await self.editor(command=command, path=str(target), **texts, **lines)
        return [self._renamed(block) for block in blocks]

    @property
    def _base(self) -> Path:
        assert self.editor.workspace.base is not None
        return self.editor.workspace.base

    def _resolve(self, path: str) -> Path:
        inside = path.strip().removeprefix(ROOT)
        if not (path == ROOT or path.startswith(f"{ROOT}/")):
            raise ToolError(f"`{path}` is not below {ROOT}")
        return self.editor.workspace.resolve(inside.lstrip("/") or ".")

    def _shown(self, path: Path) -> str:
        inside = path.relative_to(self._base).as_posix()
        return ROOT if inside == "." else f"{ROOT}/{inside}"

    def _renamed(self, block: mcp_types.ContentBlock) -> mcp_types.ContentBlock:
        """The block with the model's name for the folder in place of the real one."""
        if isinstance(block, mcp_types.TextContent):
            return mcp_types.TextContent(text=block.text.replace(str(self._base), ROOT))
        return block

    def _create(self, target: Path, file_text: str | None) -> str:
        if file_text is None:
            raise ToolError("`create` needs `file_text`")
        self.editor.workspace.write_text(target, file_text)
        return f"File created successfully at: {self._shown(target)}"

    def _delete(self, target: Path) -> str:
        if target == self._base:
            raise ToolError(f"{ROOT} itself cannot be deleted")
        if not target.exists():
            raise ToolError(f"`{self._shown(target)}` does not exist")
        shutil.rmtree(target) if target.is_dir() else self.editor.workspace.remove(target)
        return f"Successfully deleted {self._shown(target)}"

    def _rename(self, old: str, new: str) -> str:
        source, target = self._resolve(old), self._resolve(new)
        if not source.exists():
            raise ToolError(f"`{old}` does not exist")
        if target.exists():
            raise ToolError(f"`{new}` exists already")
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        return f"Successfully renamed {self._shown(source)} to {self._shown(target)}"

    def _listing(self, folder: Path) -> str:
        lines = [f"{_size(folder)}\t{self._shown(folder)}"]
        for here, folders, files in os.walk(folder):
            depth = len(Path(here).relative_to(folder).parts)
            folders[:] = (
                sorted(name for name in folders if not name.startswith(".")) if depth < 2 else []
            )
            for name in sorted([*folders, *(name for name in files if not name.startswith("."))]):
                path = Path(here, name)
                lines.append(f"{_size(path)}\t{self._shown(path)}")
        title = f"Here're the files and directories up to 2 levels deep in {self._shown(folder)}"
        return f"{title}, excluding hidden items and node_modules:\n" + "\n".join(lines)


def _said(output: str) -> list[mcp_types.ContentBlock]:
    return ContentResult(output=output).to_content_blocks()


def _given(path: str | None) -> str:
    if path is None:
        raise ToolError("the command needs a path")
    return path


def _size(path: Path) -> str:
    size = float(path.lstat().st_size)
    for unit in ("", "K", "M"):
        if size < 1024:
            return f"{size:.0f}{unit}" if not unit else f"{size:.1f}{unit}"
        size /= 1024
    return f"{size:.1f}G"

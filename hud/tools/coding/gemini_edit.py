"""The tool of Gemini's command line that replaces text in a file."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import mcp_types

from hud.errors import ToolError
from hud.tools.system.user import in_thread
from hud.tools.system.workspace import Workspace
from hud.tools.tool import BaseTool
from hud.tools.types import ContentResult
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs


class GeminiEditTool(BaseTool):
    """Replaces text within a file

    `old_string` is the literal text, spaces and indentation included, with enough context to occur
    once; `new_string` replaces it literally. An empty `old_string` makes a new file.
    """

    name = "replace"
    title = "Edit"
    native_specs: ClassVar[NativeToolSpecs] = {AgentType.GEMINI: NativeToolSpec(role="editor")}

    def __init__(self, base_directory: str = ".", **described: Any) -> None:
        """Make the tool; only files below `base_directory` can be edited."""
        super().__init__(**described)
        self.workspace = Workspace(base_directory)

    async def __call__(
        self,
        file_path: str,
        instruction: str,
        old_string: str,
        new_string: str,
        allow_multiple: bool = False,
    ) -> list[mcp_types.ContentBlock]:
        """Replace a text.

        Args:
            file_path: The file, from the tool's folder.
            instruction: What the change is for.
            old_string: The text to replace.
            new_string: What replaces it.
            allow_multiple: Whether to replace every occurrence.

        Raises:
            ToolError: the text does not occur, or more than once.
        """
        message = await in_thread(self._replace, file_path, old_string, new_string, allow_multiple)
        return ContentResult(output=message).to_content_blocks()

    def _replace(self, file_path: str, old: str, new: str, allow_multiple: bool) -> str:
        target = self.workspace.resolve(file_path)
        if not old:
            if target.exists():
                raise ToolError(
                    f"`{file_path}` exists already; `old_string` is empty for new files only"
                )
            self.workspace.write_text(target, new)
            return f"Created new file: {file_path}"
        before = self.workspace.read_text(target)
        after, count = _replaced(before, old, new)
        if count == 0:
            raise ToolError(
                f"0 occurrences of old_string in {file_path}: check spaces, indentation and "
                "context with the read_file tool"
            )
        if count > 1 and not allow_multiple:
            raise ToolError(
                f"{count} occurrences of old_string in {file_path}: give more context, "
                "or pass allow_multiple: true to replace all"
            )
        self.workspace.write_text(target, after)
        return f"Successfully modified file: {file_path} ({count} replacements)."


def _replaced(text: str, old: str, new: str) -> tuple[str, int]:
    """The text with all occurrences replaced, and how many there were.

    Where there are none, lines are compared without their indentation; the new ones take that of
    the old.
    """
    if old in text:
        return text.replace(old, new), text.count(old)
    lines = [line.strip() for line in old.strip("\n").split("\n")]
    body = r"[ \t]*\r?\n[ \t]*".join(map(re.escape, lines))
    pattern = re.compile(rf"^([ \t]*){body}[ \t]*$", re.MULTILINE)
    first = new.strip("\n").split("\n")[0]
    margin = first[: len(first) - len(first.lstrip())]

    def indented(found: re.Match[str]) -> str:
        moved = (found[1] + line.removeprefix(margin) for line in new.strip("\n").split("\n"))
        return "\n".join(moved)

    return pattern.subn(indented, text)

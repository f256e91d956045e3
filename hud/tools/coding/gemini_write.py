"""The tool of Gemini's command line that writes whole files."""

from __future__ import annotations

from typing import Any, ClassVar

import mcp_types

from hud.tools.system.user import in_thread
from hud.tools.system.workspace import Workspace
from hud.tools.tool import BaseTool
from hud.tools.types import ContentResult
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs


class GeminiWriteTool(BaseTool):
    """Creates a new file or overwrites an existing one; folders above it are made as needed.

    To change an existing file, prefer the replace tool.
    """

    name = "write_file"
    title = "WriteFile"
    native_specs: ClassVar[NativeToolSpecs] = {AgentType.GEMINI: NativeToolSpec(role="writer")}

    def __init__(self, base_directory: str = ".", **described: Any) -> None:
        """Make the tool; only files below `base_directory` can be written."""
        super().__init__(**described)
        self.workspace = Workspace(base_directory)

    async def __call__(self, file_path: str, content: str) -> list[mcp_types.ContentBlock]:
        """Write a file.

        Args:
            file_path: The file, from the tool's folder.
            content: The whole content.

        Raises:
            ToolError: it is outside of the folder, or cannot be written.
        """
        target = self.workspace.resolve(file_path)
        verb = "Overwrote" if target.exists() else "Created"
        await in_thread(self.workspace.write_text, target, content)
        lines = content.count("\n") + (not content.endswith("\n") and bool(content))
        return ContentResult(output=f"{verb} file: {file_path} ({lines} lines)").to_content_blocks()

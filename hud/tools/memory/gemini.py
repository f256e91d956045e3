"""Memory in the form of Gemini's command line: facts as a list in one file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import mcp_types

from hud.errors import ToolError
from hud.tools.system.user import in_thread
from hud.tools.system.workspace import Workspace
from hud.tools.tool import BaseTool
from hud.tools.types import ContentResult
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

HEADER = "## Gemini Added Memories"
SECTION = re.compile(rf"^{HEADER}[ \t]*\n(?P<facts>(?:(?!#).*\n?)*)", re.MULTILINE)


class GeminiMemoryTool(BaseTool):
    """Saves a specific piece of information or fact to your long-term memory

    Use this when the user asks you to remember something, or states a clear fact that will matter
    later.
    """

    name = "save_memory"
    title = "SaveMemory"
    native_specs: ClassVar[NativeToolSpecs] = {AgentType.GEMINI: NativeToolSpec(role="memory")}

    def __init__(
        self, memory_dir: str | Path = ".", memory_filename: str = "GEMINI.md", **described: Any
    ) -> None:
        """Make the tool; facts go into the file `memory_filename` of `memory_dir`."""
        super().__init__(**described)
        self.workspace = Workspace(memory_dir)
        self.path = self.workspace.resolve(memory_filename)

    async def __call__(self, fact: str) -> list[mcp_types.ContentBlock]:
        """Save a fact.

        Args:
            fact: The fact, as a sentence that can be understood by itself.

        Raises:
            ToolError: it is empty.
        """
        line = " ".join(re.sub(r"^[-\s]+", "", fact).split())
        if not line:
            raise ToolError("the fact is empty")
        await in_thread(self._save, line)
        return ContentResult(output=f'Okay, I\'ve remembered that: "{line}"').to_content_blocks()

    def get_all_memories(self) -> list[str]:
        """The facts that were saved, the oldest first."""
        found = SECTION.search(self._text())
        lines = found["facts"].splitlines() if found else []
        return [line.removeprefix("- ") for line in lines if line.startswith("- ")]

    def _text(self) -> str:
        return self.workspace.read_text(self.path) if self.path.exists() else ""

    def _save(self, fact: str) -> None:
        text = self._text()
        found = SECTION.search(text)
        if found is None:
            gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
            self.workspace.write_text(self.path, f"{text}{gap}{HEADER}\n- {fact}\n")
            return
        facts = found["facts"].rstrip()
        section = f"{HEADER}\n{facts}\n- {fact}\n" if facts else f"{HEADER}\n- {fact}\n"
        rest = text[found.end() :]
        gap = "\n" if rest else ""
        self.workspace.write_text(self.path, text[: found.start()] + section + gap + rest)

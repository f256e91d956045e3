"""Memory that lasts as long as the tool: texts, found again by the words that they share with a
question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import mcp_types

from hud.errors import ToolError, UserError
from hud.tools.tool import BaseTool
from hud.tools.types import ContentResult

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class MemoryEntry:
    """A text that was remembered."""

    text: str
    metadata: dict[str, Any] = field(default_factory=dict)
    tokens: frozenset[str] = frozenset()
    """Its words, in lower case."""


class SessionMemoryTool(BaseTool):
    """Add and search session memory"""

    name = "memory"
    title = "Memory"

    def __init__(
        self,
        collection: str = "hud_memory",
        qdrant_url: str | None = None,
        qdrant_api_key: str | None = None,
        **described: Any,
    ) -> None:
        """Make the tool, with nothing remembered.

        Raises:
            UserError: a vector database is asked for, which this tool does not use.
        """
        if qdrant_url or qdrant_api_key:
            raise UserError(
                "SessionMemoryTool keeps its texts in this process and uses no Qdrant server",
                hint="leave out qdrant_url, or use the server's own tools: env.connect_url(...)",
            )
        super().__init__(**described)
        self.collection = collection
        self.entries: list[MemoryEntry] = []

    async def __call__(
        self, action: str, text: str, metadata: dict[str, Any] | None = None, top_k: int = 5
    ) -> list[mcp_types.ContentBlock]:
        """Remember a text, or find texts.

        Args:
            action: `add` or `search`.
            text: The text to remember, or what to look for.
            metadata: Anything to keep with the text.
            top_k: How many texts to return at most.

        Raises:
            ToolError: there is no such action.
        """
        if action == "add":
            self.add_entry(text, metadata)
            return ContentResult(output="stored").to_content_blocks()
        if action not in ("search", "query"):
            raise ToolError(f"unknown action {action!r}; there are: add, search")
        found = self.search_entries(text, top_k)
        lines = [f"{number}. {entry.text}" for number, entry in enumerate(found, 1)]
        return ContentResult(output="\n".join(lines) or "no matches").to_content_blocks()

    def add_entry(self, text: str, metadata: dict[str, Any] | None = None) -> None:
        """Remember a text."""
        self.entries.append(MemoryEntry(text, metadata or {}, _words(text)))

    def search_entries(self, query: str, top_k: int = 5) -> list[MemoryEntry]:
        """The texts that share words with `query`, the most alike and the latest first."""
        words = _words(query)
        alike = [(_likeness(words, entry.tokens), at) for at, entry in enumerate(self.entries)]
        ranked = sorted((pair for pair in alike if pair[0] > 0), reverse=True)
        return [self.entries[at] for _, at in ranked[:top_k]]


MemoryTool = SessionMemoryTool


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in WORD.findall(text))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0

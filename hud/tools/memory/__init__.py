"""Tools that remember: in this process, or in files."""

from hud.tools.memory.claude import ClaudeMemoryCommand, ClaudeMemoryTool
from hud.tools.memory.gemini import GeminiMemoryTool
from hud.tools.memory.session import MemoryEntry, MemoryTool, SessionMemoryTool

__all__ = [
    "ClaudeMemoryCommand",
    "ClaudeMemoryTool",
    "GeminiMemoryTool",
    "MemoryEntry",
    "MemoryTool",
    "SessionMemoryTool",
]

"""Every ready-made tool that needs no service beside it, on one folder."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from hud import Environment
from hud.agents import ScriptedAgent
from hud.tools import (
    AgentTool,
    AnthropicComputerTool,
    ApplyPatchTool,
    BashTool,
    ClaudeMemoryTool,
    EditTool,
    GeminiComputerTool,
    GeminiEditTool,
    GeminiGlobTool,
    GeminiListTool,
    GeminiMemoryTool,
    GeminiReadManyTool,
    GeminiReadTool,
    GeminiSearchTool,
    GeminiShellTool,
    GeminiWriteTool,
    GlobTool,
    GrepTool,
    HudComputerTool,
    ListTool,
    OpenAIComputerTool,
    ReadTool,
    ResponseTool,
    SessionMemoryTool,
    ShellTool,
    SubmitTool,
)

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5Erk"
    "Jggg=="
)

env = Environment("toolshed")
shed = Path(os.environ.get("SHED", "shed")).absolute()
shed.mkdir(exist_ok=True)
(shed / "dot.png").write_bytes(base64.b64decode(PIXEL))
base = str(shed)


@env.scenario("whisper")
async def whisper(word: str, expected: str | None = None) -> AsyncGenerator[Any, Any]:
    """Pass a word on."""
    answer = yield f"Say {word}."
    yield float(answer == expected)


for tool in (
    *(BashTool(name="bash"), EditTool(base_path=base), ShellTool(cwd=base)),
    *(ApplyPatchTool(base_path=base), GeminiShellTool(name="gemini_shell", base_directory=base)),
    *(GeminiEditTool(base_directory=base), GeminiWriteTool(base_directory=base)),
    *(ReadTool(base_path=base), GrepTool(base_path=base), GlobTool(base_path=base)),
    *(ListTool(base_path=base), GeminiReadTool(base_path=base, name="gemini_read")),
    *(GeminiSearchTool(base_path=base, name="gemini_search"), GeminiListTool(base_path=base)),
    *(GeminiGlobTool(base_path=base, name="gemini_glob"), GeminiReadManyTool(base_path=base)),
    *(ClaudeMemoryTool(memories_dir=base), SessionMemoryTool(name="session_memory")),
    GeminiMemoryTool(memory_dir=base, name="gemini_memory"),
    *(HudComputerTool(), AnthropicComputerTool(), OpenAIComputerTool(), GeminiComputerTool()),
    *(ResponseTool(), SubmitTool(name="submit_answer")),
    AgentTool(env("whisper"), agent=ScriptedAgent("hush")),
):
    env.add_tool(tool)

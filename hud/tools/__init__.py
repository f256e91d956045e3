"""Ready-made tools for environments. Each is loaded when it is first named."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hud.tools.left_out import left_out

if TYPE_CHECKING:
    from hud.environment.hub import BaseHub
    from hud.tools.agent import AgentTool
    from hud.tools.coding import (
        ApplyPatchTool,
        BashTool,
        EditTool,
        GeminiEditTool,
        GeminiShellTool,
        GeminiWriteTool,
        ShellTool,
    )
    from hud.tools.computer import (
        AnthropicComputerTool,
        GeminiComputerTool,
        HudComputerTool,
        OpenAIComputerTool,
    )
    from hud.tools.filesystem import (
        GeminiGlobTool,
        GeminiListTool,
        GeminiReadManyTool,
        GeminiReadTool,
        GeminiSearchTool,
        GlobTool,
        GrepTool,
        ListTool,
        ReadTool,
    )
    from hud.tools.jupyter import JupyterTool
    from hud.tools.memory import (
        ClaudeMemoryTool,
        GeminiMemoryTool,
        MemoryTool,
        SessionMemoryTool,
    )
    from hud.tools.native_types import NativeToolSpec, NativeToolSpecs
    from hud.tools.playwright import PlaywrightTool
    from hud.tools.response import ResponseTool
    from hud.tools.submit import SubmitTool
    from hud.tools.tool import BaseTool

__all__ = [
    "AgentTool",
    "AnthropicComputerTool",
    "ApplyPatchTool",
    "BaseHub",
    "BaseTool",
    "BashTool",
    "ClaudeMemoryTool",
    "EditTool",
    "GeminiComputerTool",
    "GeminiEditTool",
    "GeminiGlobTool",
    "GeminiListTool",
    "GeminiMemoryTool",
    "GeminiReadManyTool",
    "GeminiReadTool",
    "GeminiSearchTool",
    "GeminiShellTool",
    "GeminiWriteTool",
    "GlobTool",
    "GrepTool",
    "HudComputerTool",
    "JupyterTool",
    "ListTool",
    "MemoryTool",
    "NativeToolSpec",
    "NativeToolSpecs",
    "OpenAIComputerTool",
    "PlaywrightTool",
    "ReadTool",
    "ResponseTool",
    "SessionMemoryTool",
    "ShellTool",
    "SubmitTool",
]

MODULES = {
    "agent": ("AgentTool",),
    "base": ("BaseHub", "BaseTool"),
    "coding": (
        *("ApplyPatchTool", "BashTool", "EditTool", "ShellTool"),
        *("GeminiEditTool", "GeminiShellTool", "GeminiWriteTool"),
    ),
    "computer": (
        *("AnthropicComputerTool", "GeminiComputerTool", "HudComputerTool", "OpenAIComputerTool"),
        *("GLMComputerTool", "QwenComputerTool"),
    ),
    "filesystem": (
        *("GlobTool", "GrepTool", "ListTool", "ReadTool", "GeminiGlobTool", "GeminiListTool"),
        *("GeminiReadManyTool", "GeminiReadTool", "GeminiSearchTool"),
    ),
    "jupyter": ("JupyterTool",),
    "memory": ("ClaudeMemoryTool", "GeminiMemoryTool", "MemoryTool", "SessionMemoryTool"),
    "native_types": ("NativeToolSpec", "NativeToolSpecs"),
    "playwright": ("PlaywrightTool",),
    "response": ("ResponseTool",),
    "submit": ("SubmitTool",),
}
"""Where each public name lives."""

HOMES = {name: module for module, names in MODULES.items() for name in names}

HOSTED = ("CodeExecutionTool", "GoogleSearchTool", "HostedTool", "UrlContextTool")
WEB = ("ToolSearchTool", "WebFetchTool", "WebSearchTool")


def __getattr__(name: str) -> Any:
    if name in HOSTED or name in WEB:
        raise left_out(
            f"hud.tools.{name}",
            "hosted tools belong to the agent, not to the environment; write a tool that does it",
        )
    if name in ("ElicitTool", "GroundedComputerTool"):
        raise left_out(f"hud.tools.{name}", "write a tool of your own: @env.tool")
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)

"""Tools that use a computer as people do: mouse, keyboard and screen."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hud.tools.left_out import left_out

if TYPE_CHECKING:
    from hud.tools.computer.anthropic import AnthropicComputerTool
    from hud.tools.computer.gemini import GeminiComputerTool
    from hud.tools.computer.hud import HudComputerTool
    from hud.tools.computer.openai import OpenAIComputerTool
    from hud.tools.executors.settings import computer_settings

__all__ = [
    "AnthropicComputerTool",
    "GeminiComputerTool",
    "HudComputerTool",
    "OpenAIComputerTool",
    "computer_settings",
]

HOMES = {
    "AnthropicComputerTool": "anthropic",
    "GeminiComputerTool": "gemini",
    "HudComputerTool": "hud",
    "OpenAIComputerTool": "openai",
    "computer_settings": "settings",
}
LEFT_OUT = ("GLMComputerTool", "QwenComputerTool")


def __getattr__(name: str) -> Any:
    if name in LEFT_OUT:
        raise left_out(f"hud.tools.{name}", "use HudComputerTool, which any model can call")
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    return value

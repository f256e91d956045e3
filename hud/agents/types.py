"""The path under which published code imports the agents' configs; each agent owns its own, loaded
when it is named.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hud.agents.config import BaseAgentConfig

if TYPE_CHECKING:
    from hud.agents.claude import ClaudeConfig
    from hud.agents.gemini import GeminiConfig
    from hud.agents.gemini_cua import GeminiCUAConfig
    from hud.agents.openai import OpenAIConfig
    from hud.agents.openai_chat import OpenAIChatConfig
    from hud.agents.operator import OperatorConfig

__all__ = [
    "BaseAgentConfig",
    "ClaudeConfig",
    "GeminiCUAConfig",
    "GeminiConfig",
    "OpenAIChatConfig",
    "OpenAIConfig",
    "OperatorConfig",
]

MODULES = {
    "ClaudeConfig": "claude",
    "GeminiCUAConfig": "gemini_cua",
    "GeminiConfig": "gemini",
    "OpenAIChatConfig": "openai_chat",
    "OpenAIConfig": "openai",
    "OperatorConfig": "operator",
}
"""Where each config lives."""


def __getattr__(name: str) -> Any:
    config = name.replace("CreateParams", "Config")
    if config not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"hud.agents.{MODULES[config]}"), config)

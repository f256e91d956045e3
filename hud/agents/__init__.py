"""Agents that play rollouts. A provider's package is loaded when its agent is first named."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hud.agents.agent import AgentContext, MCPAgent
    from hud.agents.catalog import create_agent
    from hud.agents.claude import ClaudeAgent
    from hud.agents.gemini import GeminiAgent
    from hud.agents.gemini_cua import GeminiCUAAgent
    from hud.agents.nop import NopAgent
    from hud.agents.openai import OpenAIAgent
    from hud.agents.openai_chat import OpenAIChatAgent
    from hud.agents.operator import OperatorAgent
    from hud.agents.oracle import OracleAgent
    from hud.agents.scripted import ScriptedAgent

__all__ = [
    "AgentContext",
    "ClaudeAgent",
    "GeminiAgent",
    "GeminiCUAAgent",
    "MCPAgent",
    "NopAgent",
    "OpenAIAgent",
    "OpenAIChatAgent",
    "OperatorAgent",
    "OracleAgent",
    "ScriptedAgent",
    "create_agent",
]

MODULES = {
    "AgentContext": "agent",
    "ClaudeAgent": "claude",
    "GeminiAgent": "gemini",
    "GeminiCUAAgent": "gemini_cua",
    "MCPAgent": "agent",
    "NopAgent": "nop",
    "OpenAIAgent": "openai",
    "OpenAIChatAgent": "openai_chat",
    "OperatorAgent": "operator",
    "OracleAgent": "oracle",
    "ScriptedAgent": "scripted",
    "create_agent": "catalog",
}
"""Where each public name lives."""


def __getattr__(name: str) -> object:
    if name not in MODULES:
        raise AttributeError(f"module `hud.agents` has no attribute `{name}`")
    return getattr(importlib.import_module(f"hud.agents.{MODULES[name]}"), name)

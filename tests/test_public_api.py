"""Every public name is a decision: a module's `__all__` is what stands here, and it imports."""

from __future__ import annotations

import importlib

import pytest

PUBLIC = {
    "hud": ["Environment", "EvalContext", "Task", "__version__", "eval"],
    "hud.agents": [
        "AgentContext",
        "ClaudeAgent",
        "GeminiAgent",
        "MCPAgent",
        "NopAgent",
        "OpenAIAgent",
        "OpenAIChatAgent",
        "OracleAgent",
        "ScriptedAgent",
        "create_agent",
    ],
    "hud.environment": [
        "ConflictResolution",
        "Environment",
        "EvaluationResult",
        "ScenarioHandle",
        "SubScore",
    ],
    "hud.eval": ["eval", "evaluate"],
    "hud.eval.task": ["Task", "TaskAgentConfig"],
    "hud.server": ["MCPRouter", "MCPServer"],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_a_module_exports_what_was_decided(module: str) -> None:
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module])


@pytest.mark.parametrize("module", PUBLIC)
def test_every_exported_name_can_be_imported(module: str) -> None:
    imported = importlib.import_module(module)
    assert [name for name in PUBLIC[module] if not hasattr(imported, name)] == []


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = importlib.import_module("hud").no_such_name

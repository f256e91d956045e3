"""Every public name is a decision: a module's `__all__` is what stands here, and it imports."""

from __future__ import annotations

import importlib

import pytest

PUBLIC = {
    "hud": [
        "Chat",
        "Environment",
        "EvalContext",
        "Task",
        "__version__",
        "eval",
        "instrument",
        "trace",
    ],
    "hud.agents": [
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
    ],
    "hud.environment": [
        "ConflictResolution",
        "Context",
        "EnvConfig",
        "Environment",
        "EvaluationResult",
        "MCPRouter",
        "ScenarioHandle",
        "SubScore",
    ],
    "hud.datasets": [
        "LegacyTask",
        "Task",
        "load_dataset",
        "load_tasks",
        "run_dataset",
        "run_single_task",
        "save_tasks",
    ],
    "hud.eval": [
        "EvalContext",
        "Task",
        "build_env_from_v4",
        "eval",
        "evaluate",
        "is_v4_format",
        "run_eval",
        "validate_v4_task",
    ],
    "hud.eval.task": ["Task", "TaskAgentConfig"],
    "hud.server": ["MCPRouter", "MCPServer"],
    "hud.services": ["Chat", "ChatService"],
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

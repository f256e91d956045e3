"""Environments: tools, scenarios, connections, and serving them."""

from hud.environment.connections import ConflictResolution
from hud.environment.environment import Environment
from hud.environment.environment import Environment as MCPRouter
from hud.environment.scenarios import ScenarioHandle
from hud.environment.tool_context import Context
from hud.task import EnvConfig
from hud.types import EvaluationResult, SubScore

__all__ = [
    "ConflictResolution",
    "Context",
    "EnvConfig",
    "Environment",
    "EvaluationResult",
    "MCPRouter",
    "ScenarioHandle",
    "SubScore",
]

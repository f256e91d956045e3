"""The path under which published code imports the agent's loop; `hud.agents.agent` owns it.

`find_reward` and `BaseAgentConfig` live elsewhere and load when they are named.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hud.agents.agent import MCPAgent, text_to_blocks
from hud.agents.config import BaseAgentConfig

if TYPE_CHECKING:
    from hud.environment.legacy.rewards import find_reward

__all__ = ["BaseAgentConfig", "MCPAgent", "find_reward", "text_to_blocks"]

REWARDS = "hud.environment.legacy.rewards"
"""The named door to the grades of v4, which are beside the agents and not below them."""


def __getattr__(name: str) -> Any:
    if name != "find_reward":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(REWARDS).find_reward

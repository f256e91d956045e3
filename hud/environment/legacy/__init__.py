"""Tasks of v4: a prompt, MCP servers, and tools of theirs that set up and grade."""

from hud.environment.legacy.rewards import find_reward
from hud.environment.legacy.scenario import ENVIRONMENT, environment_named
from hud.environment.legacy.task import LegacyTask, V4Task, is_v4, load_dicts, to_task, to_v5
from hud.environment.legacy.variables import fill_in

__all__ = [
    "ENVIRONMENT",
    "LegacyTask",
    "V4Task",
    "environment_named",
    "fill_in",
    "find_reward",
    "is_v4",
    "load_dicts",
    "to_task",
    "to_v5",
]

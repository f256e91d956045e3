"""Where published v5 code imports `Task` from."""

from hud.task import Task, TaskAgentConfig

__all__ = ["Task", "TaskAgentConfig"]

"""The path under which published code imports the executor that others build on."""

from hud.tools.executors.simulated import BaseExecutor

__all__ = ["BaseExecutor"]

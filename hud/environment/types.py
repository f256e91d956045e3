"""The path under which published code imports `EnvConfig`; `hud.task` owns it."""

from hud.task import EnvConfig

__all__ = ["EnvConfig"]

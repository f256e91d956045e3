"""The path under which published code imports `load_tasks`; `hud.eval.loading` owns it."""

from hud.eval.loading import load_tasks, save_tasks

__all__ = ["load_tasks", "save_tasks"]

"""The path under which published code imports `run_dataset`; `hud.eval.dataset` owns it."""

from hud.eval.dataset import run_dataset, run_single_task

__all__ = ["run_dataset", "run_single_task"]

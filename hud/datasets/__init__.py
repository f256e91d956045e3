"""The path under which published code loads, saves and runs tasks; `hud.eval` owns that."""

from __future__ import annotations

import warnings
from typing import Any

from hud.environment.legacy import LegacyTask
from hud.errors import left_out
from hud.eval.dataset import run_dataset, run_single_task
from hud.eval.loading import load_tasks, save_tasks
from hud.task import Task

__all__ = [
    "LegacyTask",
    "Task",
    "load_dataset",
    "load_tasks",
    "run_dataset",
    "run_single_task",
    "save_tasks",
]

LEFT_OUT = {
    "display_results": "print what you need of each context, or run `hud eval`, which prints it",
    "submit_rollouts": "run_dataset(tasks, agent) runs them here; `hud eval` records them too",
    "BatchRequest": "run_dataset(tasks, agent) runs them here",
    "SingleTaskRequest": "run_single_task(task, agent_type=…) runs it here",
}


def load_dataset(source: str, *, raw: bool = False) -> list[Any]:
    """`load_tasks` under its older name."""
    warnings.warn("load_dataset is deprecated: use load_tasks", DeprecationWarning, stacklevel=2)
    return load_tasks(source, raw=raw)


def __getattr__(name: str) -> Any:
    if name in LEFT_OUT:
        raise left_out(f"hud.datasets.{name}", LEFT_OUT[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

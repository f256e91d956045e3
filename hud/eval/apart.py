"""A source's tasks as data, found in a process of its own."""

from __future__ import annotations

from typing import Any

from hud.runtime.worker import Source, WorkerRuntime
from hud.task import Task

TASKS = "hud.eval.taskset:collect"
"""Loads a source's tasks."""


async def collect_apart(arguments: dict[str, Any]) -> list[Task]:
    """The tasks; `arguments` are those of `hud.eval.taskset.collect`.

    Raises:
        UserError: the source cannot be used.
    """
    runtime = WorkerRuntime(Source(TASKS, arguments))
    try:
        return await runtime.load()
    finally:
        await runtime.aclose()

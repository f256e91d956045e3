"""Running the tasks of a dataset with an agent that is named, in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hud.agents.catalog import create_agent
from hud.environment.legacy import V4Task
from hud.errors import UserError
from hud.eval.context import EvalContext
from hud.eval.loading import load_tasks, task_from
from hud.eval.manager import CONCURRENCY, evaluate
from hud.eval.registered import connect
from hud.task import Task
from hud.types import Trace

DatasetSource = str | Path | Task | V4Task | Mapping[str, Any] | Sequence[Any]

OPTIONS = frozenset({"agent_params", "max_steps", "max_concurrent", "group_size"})
IGNORED = frozenset(
    {
        *("quiet", "job_id", "taskset_id", "task_id", "group_id", "trace_name", "metadata"),
        *("trace_id", "api_key", "trace"),
    }
)
"""Options that steer a hosted service; they are accepted and have no effect."""


async def run_dataset(tasks: DatasetSource, agent_type: str, **options: Any) -> list[EvalContext]:
    """Run every task with an agent, and return a context for each rollout, in order.

    `tasks` is what `load_tasks` loads, a task, or a list of tasks; `agent_type` an agent's or a
    model's name. `options`: agent_params (options of the agent), max_steps (10), max_concurrent
    (30), group_size (1). A rollout that failed has `error`, and no reward.

    Raises:
        UserError: an option, the agent or a task cannot be used.
    """
    unknown = sorted(options.keys() - OPTIONS - IGNORED)
    if unknown:
        raise UserError(f"run_dataset has no option `{unknown[0]}`")
    player = create_agent(str(agent_type), **dict(options.get("agent_params") or {}))
    max_steps = options.get("max_steps", 10)

    async def loop(ctx: EvalContext) -> None:
        await player.run(ctx, max_steps=max_steps)

    return await evaluate(
        _tasks_of(tasks),
        loop,
        group=options.get("group_size", 1),
        max_concurrent=options.get("max_concurrent") or CONCURRENCY,
    )


async def run_single_task(task: Task, *, agent_type: str, **options: Any) -> Trace:
    """Run one task once with an agent; its trace has the reward, or `isError` and `error`.

    `options` are those of `run_dataset`.

    Raises:
        UserError: as `run_dataset`.
    """
    (ctx,) = await run_dataset(task, agent_type, **options | {"group_size": 1})
    ctx.trace.isError = ctx.error is not None
    ctx.trace.error = str(ctx.error) if ctx.error is not None else None
    return ctx.trace


def _tasks_of(source: DatasetSource) -> list[Task]:
    if isinstance(source, str | Path):
        return load_tasks(source)
    items = [source] if isinstance(source, Task | V4Task | Mapping) else list(source)
    return connect(item if isinstance(item, Task) else task_from(item) for item in items)

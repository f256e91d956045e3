"""Running tasks from an author's own code, in this process: `hud.eval` with a block, `evaluate`
with a function.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from hud.environment.legacy import LegacyTask
from hud.errors import EnvironmentFailure, GradingFailure, HudError, UserError, did_you_mean
from hud.eval.context import EvalContext
from hud.eval.journal import new_job_id
from hud.eval.loading import load_tasks, task_from
from hud.eval.many import Loop, RepeatedBlock
from hud.eval.recorded import Keep, recorded
from hud.eval.registered import connect
from hud.eval.rollout import Play, Rollout
from hud.eval.runner import run_rollouts
from hud.runtime.local import LocalInstance, LocalRuntime
from hud.task import Task, new_id

CONCURRENCY = 30
"""Rollouts that run at a time, unless told otherwise."""

LABEL = re.compile(r"[A-Za-z0-9._:/-]{1,60}")
"""Names of variants that need no number instead."""

OPTIONS = frozenset(
    {"trace_id", "job_id", "group_id", "group_ids", "api_key", "taskset_id", "trace", "quiet"}
)
"""What `hud.eval` takes beside what it names."""

Source = Task | LegacyTask | str | Path | Sequence[Task] | None

FUNCTION_FORM = (
    "use `await hud.eval.evaluate(tasks, loop, variants=…, group=…)`, "
    "with the loop as an async function"
)


def eval(
    source: Source = None,
    *,
    name: str | None = None,
    variants: Mapping[str, Any] | None = None,
    group: int = 1,
    max_concurrent: int | None = None,
    **options: Any,
) -> AbstractAsyncContextManager[EvalContext]:
    """Rollouts as a context manager: set up on entering, played by its body, graded on leaving.

    For one rollout, give the answer with `ctx.submit` inside the block and read `ctx.reward` after
    it. If the block raises, nothing is graded and the exception passes. If grading fails,
    `ctx.error` says why and `ctx.reward` is None.

    With several tasks, `variants` (names with a value or a list of values each; lists make all
    combinations) or a `group` of runs, the body is run once for every task × variant × run, at
    most `max_concurrent` (30) at a time; see `hud.eval.many`. `ctx.variants` says which it is;
    after the block `ctx.results` has their contexts in that order, and `ctx.reward` is the mean.
    Where this machine knows a controller, they are recorded there as a job, unless `trace` is
    False.

    `source` is a task, a list of tasks, or what `load_tasks` loads. `options` are trace_id, job_id,
    group_id and group_ids (one for each rollout), and trace; those that steer a hosted service
    (api_key, quiet, taskset_id) are accepted and have no effect.

    Raises:
        UserError: an option cannot be used; or, on entering, the body cannot be run many times.
        SetupFailure: on entering one rollout: the scenario failed before its prompt.
    """
    identity = _identity(options)
    if group < 1:
        raise UserError(f"hud.eval: a group has at least one run, not {group}")
    tasks, chosen = _tasks_of(source), _combinations(variants)
    if len(tasks) * len(chosen) * group == 1:
        return _one(tasks[0], {**identity, "eval_name": name, "variants": chosen[0]})
    plans = _rollouts(tasks, chosen, group, options)
    whole = tasks[0] if len(tasks) == 1 else Task(args={})
    summary = EvalContext(whole, NoConnection(), **identity, eval_name=name)

    async def run(loop: Loop) -> list[EvalContext]:
        play = _player(loop, name)
        rollouts = [replace(plan, play=play) for plan in plans]
        keeping = recorded(rollouts, name, is_wanted=options.get("trace", True))
        return await _run_all(rollouts, max_concurrent or CONCURRENCY, keeping)

    return RepeatedBlock(run, summary, FUNCTION_FORM)


def _identity(options: Mapping[str, Any]) -> dict[str, Any]:
    """The ids among the options of `hud.eval`.

    Raises:
        UserError: it has no such option.
    """
    unknown = sorted(options.keys() - OPTIONS)
    if unknown:
        hint = did_you_mean(unknown[0], [*OPTIONS, "variants", "group", "max_concurrent"])
        raise UserError(f"hud.eval has no option `{unknown[0]}`", hint=hint)
    return {key: options.get(key) for key in ("trace_id", "job_id", "group_id")}


run_eval = eval
"""The original's name of the function."""


def _tasks_of(source: Any) -> list[Task]:
    """The tasks that a source of `hud.eval` stands for; without one, a task without a scenario."""
    if source is None:
        return [Task(args={})]
    if isinstance(source, str | Path):
        return load_tasks(str(source))
    items = [source] if isinstance(source, Task | LegacyTask | Mapping) else list(source)
    if not items:
        raise UserError("hud.eval was given no tasks")
    return connect(_task_of(item) for item in items)


def _task_of(item: Any) -> Task:
    if isinstance(item, Task):
        return item
    if isinstance(item, LegacyTask | Mapping):
        return task_from(item)
    hint = 'make one with env("scenario", ...)'
    raise UserError(f"hud.eval takes tasks, not {type(item).__name__}", hint=hint)


@asynccontextmanager
async def _one(task: Task, identity: dict[str, Any]) -> AsyncIterator[EvalContext]:
    runtime = LocalRuntime()
    try:
        if task.env is None:
            ctx = EvalContext(task, NoConnection(), **identity)
            ctx.results = [ctx]
            yield ctx
            return
        async with runtime.start(task) as instance:
            context = EvalContext(task, instance.connection, **identity)
            context.results = [context]
            await context.setup()
            try:
                yield context
            except BaseException as exc:
                context.error = exc
                raise
            await _grade(context)
    finally:
        await runtime.aclose()


async def _grade(context: EvalContext) -> None:
    """Grade; a failure is kept in `context.error`, since the block is already left."""
    try:
        await context.grade()
    except (GradingFailure, EnvironmentFailure) as exc:
        context.error = exc
        context.trace.isError = True
        context.trace.error = exc.message


class NoConnection:
    """The connection of a rollout without an environment: it offers nothing."""

    async def list_tools(self) -> list[Any]:
        return []

    def __getattr__(self, name: str) -> Any:
        raise UserError(
            "this evaluation has no environment", hint='pass a task: hud.eval(env("scenario", ...))'
        )


class _Runtime(LocalRuntime):
    """Runs tasks without an environment, too."""

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[LocalInstance]:
        if task.env is None and task.env_name is None:
            yield LocalInstance(NoConnection())
            return
        async with super().start(task, seed=seed) as instance:
            yield instance


class Evaluation(Protocol):
    """`hud.eval` as type checkers see it: callable, with `evaluate` beside it."""

    def __call__(
        self, source: Source = None, **options: Any
    ) -> AbstractAsyncContextManager[EvalContext]: ...

    async def evaluate(
        self, tasks: Task | Sequence[Task], loop: Loop, **options: Any
    ) -> list[EvalContext]: ...


async def evaluate(
    tasks: Task | Sequence[Task],
    loop: Loop,
    *,
    variants: Mapping[str, Any] | None = None,
    group: int = 1,
    max_concurrent: int = 30,
    timeout: float | None = None,
) -> list[EvalContext]:
    """Run a custom agent loop once for every task × variant × run, in this process.

    `loop(ctx)` plays one rollout: it reads `ctx.prompt` and `ctx.variants`, uses `ctx.call_tool`
    and the `as_…` tools, and answers with `ctx.submit(...)` or by returning a string. `variants`
    maps names to values or lists of values; lists make all combinations. At most `max_concurrent`
    rollouts run at a time, each at most `timeout` seconds.

    Returns one context per rollout, in the order task, variant, run; `reward` is None and `error`
    is set where a rollout failed.

    Raises:
        UserError: a task cannot run at all.
    """
    chosen = [tasks] if isinstance(tasks, Task) else list(tasks)
    plans = _rollouts(chosen, _combinations(variants), group, {})
    play = _player(loop)
    rollouts = [replace(plan, play=play, timeout=timeout) for plan in plans]
    return await _run_all(rollouts, max_concurrent, recorded(rollouts, None))


async def _run_all(
    rollouts: Sequence[Rollout],
    max_concurrent: int,
    keeping: AbstractAsyncContextManager[Keep],
) -> list[EvalContext]:
    """Run all rollouts in this process; their contexts, in order."""
    runtime = _Runtime()
    finished: dict[int, EvalContext] = {}
    try:
        async with keeping as keep:
            async for outcome in run_rollouts(rollouts, runtime, concurrency=max_concurrent):
                keep(outcome.transcript)
                context = outcome.context or _without_context(outcome.rollout, outcome.failure)
                finished[id(outcome.rollout)] = context
    finally:
        await runtime.aclose()
    return [finished[id(rollout)] for rollout in rollouts]


def _player(loop: Loop, name: str | None = None) -> Play:
    """The loop as a player: a string that it returns is its answer, unless it submitted one."""

    async def play(context: EvalContext) -> None:
        context.eval_name = name or context.eval_name
        answer = await loop(context)
        if isinstance(answer, str) and not context.is_submitted:
            await context.submit(answer)

    return play


def _rollouts(
    tasks: Sequence[Task],
    combinations: Sequence[dict[str, Any]],
    group: int,
    options: Mapping[str, Any],
) -> list[Rollout]:
    """Every task × variant × run, to be played yet; those of one task share a group id, unless
    `options` (job_id, group_id, group_ids) say otherwise.

    Raises:
        UserError: there are not as many group ids as rollouts.
    """
    job_id = options.get("job_id") or new_job_id()
    own = [options.get("group_id") or new_id() for _ in tasks]
    groups = [group_id for group_id in own for _ in range(len(combinations) * group)]
    given = list(options.get("group_ids") or groups)
    if len(given) != len(groups):
        counted = f"{len(given)} group_ids for {len(groups)} rollouts"
        raise UserError(f"hud.eval: {counted}", hint="give one for each rollout, or none")
    plans = itertools.product(
        tasks, zip(_labels(combinations), combinations, strict=True), range(group)
    )
    return [
        Rollout(
            job_id,
            task,
            label,
            index,
            _unplayed,
            variants=variant,
            group_id=group_id,
            is_ungraded=task.scenario is None,
        )
        for (task, (label, variant), index), group_id in zip(plans, given, strict=True)
    ]


def _labels(combinations: Sequence[Mapping[str, Any]]) -> list[str]:
    """A short name for each combination: its values, where those are short and tell it apart."""
    names = ["-".join(map(str, values.values())) or "loop" for values in combinations]
    if len(set(names)) == len(names) and all(LABEL.fullmatch(name) for name in names):
        return names
    return [f"variant-{position}" for position in range(len(names))]


async def _unplayed(context: EvalContext) -> None:
    """Answers nothing."""


def _without_context(rollout: Rollout, failure: HudError | None) -> EvalContext:
    """A context for a rollout that never got as far as having one."""
    context = EvalContext(
        rollout.task, NoConnection(), variants=rollout.variants, index=rollout.index
    )
    context.error = failure
    return context


def _combinations(variants: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """All combinations of the values of `variants`; one empty combination for none."""
    named = [
        [(name, value) for value in (values if isinstance(values, list | tuple) else [values])]
        for name, values in (variants or {}).items()
    ]
    return [dict(combination) for combination in itertools.product(*named)]

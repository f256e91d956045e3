"""Running tasks from an author's own code, in this process: `hud.eval` for one rollout, `evaluate`
for many.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

from hud.errors import EnvironmentFailure, GradingFailure, HudError, UserError
from hud.eval.context import EvalContext
from hud.eval.rollout import Play, Rollout
from hud.eval.runner import run_rollouts
from hud.runtime.local import LocalRuntime
from hud.task import Task, new_id

FUNCTION_FORM = (
    "use `await hud.eval.evaluate(tasks, loop, variants=…, group=…)`, "
    "with the loop as an async function"
)


def eval(
    source: Task | Sequence[Task] | None = None,
    *,
    name: str | None = None,
    variants: Mapping[str, Any] | None = None,
    group: int = 1,
    trace_id: str | None = None,
    **options: Any,
) -> AbstractAsyncContextManager[EvalContext]:
    """One rollout as a context manager: set up on entering, graded on leaving.

    Give the answer with `ctx.submit` inside the block and read `ctx.reward` after it. If the block
    raises, nothing is graded and the exception passes. If grading fails, `ctx.error` says why and
    `ctx.reward` is None. `options` that steer a hosted service (api_key, trace, quiet, …) are
    accepted and have no effect.

    Raises (on entering):
        UserError: there are several tasks, variants or runs: that is `evaluate`'s work.
        SetupFailure: the scenario failed before its prompt.
    """
    tasks = [source] if isinstance(source, Task) else list(source or ())
    if len(tasks) > 1 or group > 1 or len(_combinations(variants)) > 1:
        raise UserError("hud.eval as a context manager runs one rollout", hint=FUNCTION_FORM)
    if any(not isinstance(task, Task) for task in tasks):
        raise UserError(
            f"hud.eval takes tasks, not {type(tasks[0]).__name__}",
            hint='make one with env("scenario", ...)',
        )
    task = tasks[0] if tasks else Task(args={})
    identity = {
        "eval_name": name,
        "variants": _combinations(variants)[0],
        "trace_id": trace_id,
        "job_id": options.get("job_id"),
        "group_id": options.get("group_id"),
    }
    return _one(task, identity)


@asynccontextmanager
async def _one(task: Task, identity: dict[str, Any]) -> AsyncIterator[EvalContext]:
    runtime = LocalRuntime()
    try:
        if task.env is None:
            yield EvalContext(task, NoConnection(), **identity)
            return
        async with runtime.start(task) as instance:
            context = EvalContext(task, instance.connection, **identity)
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

    def __getattr__(self, name: str) -> Any:
        raise UserError(
            "this evaluation has no environment", hint='pass a task: hud.eval(env("scenario", ...))'
        )


Loop = Callable[[EvalContext], Awaitable[Any]]


class Evaluation(Protocol):
    """`hud.eval` as type checkers see it: callable, with `evaluate` beside it."""

    def __call__(
        self, source: Task | Sequence[Task] | None = None, **options: Any
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
    job_id, runtime = new_id(), LocalRuntime()
    chosen = [tasks] if isinstance(tasks, Task) else list(tasks)
    plans = list(_plans(chosen, _combinations(variants), group, _player(loop)))
    rollouts = [replace(plan, job_id=job_id, timeout=timeout) for plan in plans]
    finished: dict[int, EvalContext] = {}
    try:
        async for outcome in run_rollouts(rollouts, runtime, concurrency=max_concurrent):
            context = outcome.context or _without_context(outcome.rollout, outcome.failure)
            finished[id(outcome.rollout)] = context
    finally:
        await runtime.aclose()
    return [finished[id(rollout)] for rollout in rollouts]


def _player(loop: Loop) -> Play:
    """The loop as a player: a string that it returns is its answer, unless it submitted one."""

    async def play(context: EvalContext) -> None:
        answer = await loop(context)
        if isinstance(answer, str) and not context.is_submitted:
            await context.submit(answer)

    return play


def _plans(
    tasks: Sequence[Task], combinations: list[dict[str, Any]], group: int, play: Play
) -> Iterator[Rollout]:
    for task in tasks:
        for position, variant in enumerate(combinations):
            group_id = new_id()
            for index in range(group):
                yield Rollout(
                    "",
                    task,
                    f"variant-{position}",
                    index,
                    play,
                    variants=variant,
                    group_id=group_id,
                )


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

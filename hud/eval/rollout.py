"""One rollout: start an instance, set up, play, grade, clean up. A rollout that fails is data, not
a crash.

1. Boundaries: start → initialize → setup → agent or provider → grading; a limit may end any of
   them.
2. An agent that failed is not graded; its rollout has no reward.
3. Whatever happens, the instance is stopped before the outcome is returned.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hud.agents.asking import asking_for
from hud.agents.catalog import create_agent
from hud.errors import (
    AgentFailure,
    GradingFailure,
    HudError,
    LimitReached,
    SetupFailure,
    UserError,
    describe,
)
from hud.eval.context import EvalContext
from hud.runtime.local import LocalRuntime
from hud.runtime.runtime import Instance, Runtime
from hud.task import Task, new_id
from hud.types import Trace
from hud.wire import RolloutRecord, RolloutStatus, Transcript

Play = Callable[[EvalContext], Awaitable[Any]]
"""Plays a rollout that has been set up; it gives its answer by `ctx.submit`."""


@dataclass(frozen=True)
class Rollout:
    """A rollout to run: which task, played as which variant, for the how-manieth time."""

    job_id: str
    task: Task
    variant: str
    index: int
    play: Play
    timeout: float | None = None
    """Seconds that the rollout may take once its instance has started."""
    seed: str | None = None
    """Seed of the job; each rollout derives its own from it."""
    variants: dict[str, Any] = field(default_factory=dict)
    group_id: str | None = None
    is_ungraded: bool = False
    """Whether who plays it grades it, by setting the context's reward."""

    @property
    def id(self) -> str:
        """See `rollout_id`."""
        return rollout_id(self.task.key, self.variant, self.index)


def rollout_id(task: str, variant: str, index: int) -> str:
    """`{task}.{variant}.{index}`."""
    return f"{task}.{variant}.{index}"


@dataclass
class Outcome:
    """How a rollout ended, with everything that was recorded on the way."""

    rollout: Rollout
    record: RolloutRecord
    transcript: Transcript
    context: EvalContext | None = None
    """None if the instance did not start."""
    failure: HudError | None = None


class Stopwatch:
    """Named spans of one rollout."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.spans: dict[str, float] = {}

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Measure the block under `name`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.spans[name] = time.monotonic() - started

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


@dataclass
class _State:
    """What is known of a rollout while it runs."""

    rollout: Rollout
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    watch: Stopwatch = field(default_factory=Stopwatch)
    context: EvalContext | None = None
    instance: Instance | None = None


async def run_rollout(
    rollout: Rollout, runtime: Runtime, is_unwanted: Callable[[], bool] = lambda: False
) -> Outcome:
    """Run one rollout to its end; one that is cancelled because it `is_unwanted` ends as such.

    Raises:
        asyncio.CancelledError: it was cancelled otherwise; its instance has been stopped.
        UserError: the task cannot run at all (no environment of its name, say).
    """
    state = _State(rollout)
    try:
        async with asyncio.timeout(None) as limit_of_time:
            await _play_through(state, runtime, limit_of_time)
    except TimeoutError:
        if not limit_of_time.expired():
            raise
        limit = LimitReached(f"the rollout took longer than {rollout.timeout:g} s")
        return _outcome(state, "failed", limit)
    except asyncio.CancelledError:
        if not is_unwanted():
            raise
        return _outcome(state, "cancelled", None)
    except UserError:
        raise
    except HudError as exc:
        return _outcome(state, "failed", exc)
    return _outcome(state, "scored", None)


def unplayed(rollout: Rollout) -> Outcome:
    """The outcome of a rollout that was cancelled before it began."""
    return _outcome(_State(rollout), "cancelled", None)


async def _play_through(state: _State, runtime: Runtime, limit: asyncio.Timeout) -> None:
    rollout, watch = state.rollout, state.watch
    seed = f"{rollout.seed}:{rollout.task.key}:{rollout.index}" if rollout.seed is not None else ""
    starting = runtime.start(rollout.task, seed=seed)
    with watch.span("start"):
        state.instance = await starting.__aenter__()
    if rollout.timeout is not None:
        limit.reschedule(asyncio.get_running_loop().time() + rollout.timeout)
    try:
        await _play_on(state, state.instance)
    except BaseException as exc:
        with watch.span("stop"):
            await starting.__aexit__(type(exc), exc, exc.__traceback__)
        raise
    with watch.span("stop"):
        await starting.__aexit__(None, None, None)


async def _play_on(state: _State, instance: Instance) -> None:
    rollout, watch = state.rollout, state.watch
    context = EvalContext(
        rollout.task,
        instance.connection,
        job_id=rollout.job_id,
        index=rollout.index,
        variants=rollout.variants,
        group_id=rollout.group_id,
    )
    state.context = context
    with watch.span("setup"), _mistakes_as(SetupFailure):
        await context.setup()
    with (
        watch.span("agent"),
        _mistakes_as(AgentFailure),
        asking_for(rollout.job_id, rollout.id),
    ):
        await _agent(rollout.play, context)
    with watch.span("grading"), _mistakes_as(GradingFailure):
        if await context.grade() is None and not rollout.is_ungraded:
            raise SetupFailure(
                f"task `{rollout.task.key}` names no scenario, so there is nothing to grade"
            )


@contextmanager
def _mistakes_as(failure: type[HudError]) -> Iterator[None]:
    """A user's mistake that shows in the middle of a rollout is this rollout's failure, and no
    other's.
    """
    try:
        yield
    except UserError as exc:
        raise failure(exc.message, hint=exc.hint, detail=exc.detail) from exc


async def _agent(play: Play, context: EvalContext) -> None:
    """Let the agent play; what escapes it is the agent's failure, unless it knows better."""
    try:
        await play(context)
    except HudError:
        raise
    except TimeoutError as exc:
        raise AgentFailure("the agent timed out", detail=traceback.format_exc()) from exc
    except Exception as exc:
        raise AgentFailure(
            f"the agent raised {describe(exc)}", detail=traceback.format_exc()
        ) from exc


def _outcome(state: _State, status: RolloutStatus, failure: HudError | None) -> Outcome:
    rollout, context = state.rollout, state.context
    trace = context.trace if context else Trace()
    scored = context if status == "scored" else None
    record = RolloutRecord(
        id=rollout.id,
        job_id=rollout.job_id,
        task=rollout.task.key,
        scenario=rollout.task.scenario,
        args=rollout.task.args,
        columns=rollout.task.columns,
        variant=rollout.variant,
        index=rollout.index,
        status=status,
        reward=scored.reward if scored else None,
        boundary=failure.boundary if failure else None,
        error=failure.message if failure else None,
        hint=failure.hint if failure else None,
        answer=context.answer if context else None,
        evaluation=context.evaluation_result if context else None,
        stop_reason=trace.info.get("stop_reason"),
        started_at=state.started_at,
        seconds=state.watch.seconds,
        timing=state.watch.spans,
        model_calls=sum(step.kind == "model" for step in trace.steps),
        tool_calls=sum(step.kind == "tool" for step in trace.steps),
        usage=trace.usage,
    )
    if context is not None:
        context.error = failure
    return Outcome(rollout, record, _transcript(record, state, failure), context, failure)


def _transcript(record: RolloutRecord, state: _State, failure: HudError | None) -> Transcript:
    context = state.context
    return Transcript(
        rollout=record,
        prompt=context.prompt if context else "",
        steps=context.trace.steps if context else [],
        messages=context.trace.messages if context else [],
        info=context.trace.info if context else {},
        log=state.instance.log if state.instance else "",
        detail=failure.detail if failure else None,
    )


async def run_task(task: Task, agent: Any, *, max_steps: int = 10) -> Trace:
    """Run a task once in this process; see `Task.run`.

    Raises:
        UserError: the agent is unknown or cannot be used, or the task cannot run.
    """
    player = create_agent(agent) if isinstance(agent, str) else agent
    runtime = LocalRuntime()

    async def play(context: EvalContext) -> None:
        await player.run(context, max_steps=max_steps)

    try:
        outcome = await run_rollout(Rollout(new_id(), task, "agent", 0, play), runtime)
    finally:
        await runtime.aclose()
    return _as_trace(outcome)


def _as_trace(outcome: Outcome) -> Trace:
    trace = outcome.context.trace if outcome.context else Trace()
    trace.isError = outcome.record.status == "failed"
    trace.error = outcome.record.error
    return trace

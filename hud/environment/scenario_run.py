"""One run of a scenario: its generator, stepped from setup to grade and then closed.

1. The generator lives in one task of its own: what it holds across its yields (cancel scopes,
   timeouts, task groups, context variables) is entered and left in the same task. The context
   variables that it sets are set for the tools too that are called meanwhile.
2. What cancels that task while the scenario waits for the answer belongs to something that the
   generator holds, so it is thrown in at the yield; what then comes out of it is the grade.
3. A caller that gives up during a step interrupts the step.
4. Whatever the author's code raises, exits included, is a `SetupFailure` or a `GradingFailure`.
"""

from __future__ import annotations

import asyncio
import traceback
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

import anyio
import mcp_types
from pydantic import ValidationError

from hud.environment.documents import to_messages
from hud.environment.rewards import to_evaluation
from hud.environment.scenarios import Scenario
from hud.errors import (
    ConnectionFailure,
    EnvironmentFailure,
    GradingFailure,
    HudError,
    SetupFailure,
    describe,
)
from hud.types import EvaluationResult

CLEAN_UP_SECONDS = 30.0
"""How long `finally` blocks may take before they are given up."""

NO_ANSWER = "no answer was submitted, so the first `yield` gave None: let the grading take that"

current_run: ContextVar[ScenarioRun | None] = ContextVar("current_run", default=None)
"""The run whose own code this is; tools that it keeps from the agent are not kept from it."""


@dataclass(frozen=True)
class Step:
    """What one step of the generator led to: a value that it yielded, or what it raised."""

    value: Any = None
    error: BaseException | None = None


@dataclass(frozen=True)
class Request:
    """A step that somebody waits for."""

    take: Callable[[], Awaitable[Any]]
    done: asyncio.Future[Step]

    def resolve(self, step: Step) -> None:
        """Hand over the step, unless nobody waits any more."""
        if not self.done.done():
            self.done.set_result(step)


class ScenarioRun:
    """A scenario under way; `close()` must be called in every case."""

    def __init__(self, scenario: Scenario, arguments: Mapping[str, Any]) -> None:
        self.scenario = scenario
        self.name = scenario.name
        self.filter = scenario.filter
        self.answer: Any = None
        self.clean_up_seconds = CLEAN_UP_SECONDS
        self._generator = scenario.function(**arguments)
        self._requests: asyncio.Queue[Request | None] = asyncio.Queue()
        self._waiting: Request | None = None
        self._ahead: Step | None = None
        self._grading = asyncio.Lock()
        self._graded: EvaluationResult | GradingFailure | None = None
        self._set: dict[ContextVar[Any], Any] = {}
        self._task = asyncio.create_task(self._own_generator())

    @contextmanager
    def variables(self) -> Iterator[None]:
        """Set the context variables that the scenario's code has set so far."""
        tokens = [(variable, variable.set(value)) for variable, value in self._set.items()]
        try:
            yield
        finally:
            for variable, token in reversed(tokens):
                variable.reset(token)

    async def setup(self) -> list[mcp_types.PromptMessage]:
        """Run to the first yield; returns the messages that it yields.

        Raises:
            SetupFailure: the scenario raised, ended, or yielded something that is no prompt.
        """
        what = self.scenario.what
        step = await self._advance(self._generator.__anext__)
        if isinstance(step.error, StopAsyncIteration):
            raise SetupFailure(f"{what} ended before it yielded a prompt")
        if step.error is not None:
            raise self._told(_attributed(SetupFailure, f"{what} failed in setup", step.error))
        try:
            messages = to_messages(step.value)
        except TypeError as exc:
            raise SetupFailure(f"{what} yielded no prompt first: {exc}") from None
        if not any(_says_something(message) for message in messages):
            raise SetupFailure(f"{what} yielded an empty prompt")
        return messages

    async def grade(self) -> EvaluationResult:
        """Send the answer, run to the second yield and close; grading again gives the same result.

        Raises:
            GradingFailure: the scenario raised, ended, or yielded something that is no reward.
        """
        async with self._grading:
            if self._graded is None:
                try:
                    self._graded = await self._grade()
                except GradingFailure as failure:
                    self._graded = failure
                finally:
                    await self.close()
        if isinstance(self._graded, GradingFailure):
            raise self._graded
        return self._graded

    async def _grade(self) -> EvaluationResult:
        what = self.scenario.what
        step = await self._advance(self._send_answer)
        if isinstance(step.error, StopAsyncIteration):
            raise GradingFailure(f"{what} ended without yielding a reward")
        if step.error is not None:
            raise self._ungraded(step.error)
        return to_evaluation(step.value, what)

    def _told(self, failure: HudError) -> HudError:
        """The failure, with the variables that the scenario asks for and that are not set."""
        missing = self.scenario.missing_variables()
        if missing and failure.hint is None:
            failure.hint = f"the scenario needs {missing[0]}: export {missing[0]}=…"
        return failure

    def _ungraded(self, error: BaseException) -> HudError:
        """What a scenario raised when it graded; often it cannot take that nothing was said."""
        what = f"{self.scenario.what} failed in grading"
        failure = self._told(_attributed(GradingFailure, what, error))
        if failure.hint is None and self.answer is None and "NoneType" in failure.message:
            failure.hint = NO_ANSWER
        return failure

    async def _send_answer(self) -> Any:
        return await self._generator.asend(self.scenario.answer_for(self))

    async def close(self) -> None:
        """Close the generator and wait until its `finally` blocks have run.

        Safe to call more than once. What they raise is told as a warning: the reward that was
        yielded stands.
        """
        if self._task.done():
            return
        if self._waiting is None:
            self._requests.put_nowait(None)
        else:
            self._task.cancel()
        with anyio.CancelScope(shield=True):
            await self._end()

    async def _end(self) -> None:
        try:
            await asyncio.wait({self._task}, timeout=self.clean_up_seconds)
        finally:
            if not self._task.done():
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=1.0)
                self._warn("clean-up was interrupted before it ended")

    async def _advance(self, take: Callable[[], Awaitable[Any]]) -> Step:
        if self._task.done():
            return Step(error=EnvironmentFailure("the scenario is over"))
        request = Request(take, asyncio.get_running_loop().create_future())
        self._requests.put_nowait(request)
        self._waiting = request
        try:
            return await request.done
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        finally:
            self._waiting = None

    async def _own_generator(self) -> None:
        current_run.set(self)
        before = copy_context()
        try:
            while (request := await self._next_request()) is not None:
                step = self._ahead or await self._step(request.take())
                self._set = _set_since(before)
                request.resolve(step)
        finally:
            if self._waiting is not None:
                self._waiting.resolve(Step(error=EnvironmentFailure("the run was closed")))
            await self._close_generator()

    async def _next_request(self) -> Request | None:
        while True:
            try:
                return await self._requests.get()
            except asyncio.CancelledError as cancelled:
                step = await self._step(self._generator.athrow(cancelled))
                if self._task.cancelling():  # nothing in the generator had asked for it
                    raise
                self._ahead = self._ahead or step

    async def _step(self, stepping: Awaitable[Any]) -> Step:
        try:
            return Step(value=await stepping)
        except asyncio.CancelledError as exc:
            if self._task.cancelling():
                raise
            return Step(error=exc)
        except BaseException as exc:  # noqa: BLE001 - the author's code, exits included
            return Step(error=exc)

    async def _close_generator(self) -> None:
        try:
            await self._generator.aclose()
        except asyncio.CancelledError:
            raise
        except BaseException as exc:  # noqa: BLE001 - the author's clean-up, exits included
            self._warn(f"clean-up raised {describe(exc)}")

    def _warn(self, told: str) -> None:
        warnings.warn(f"{self.scenario.what}: {told}", UserWarning, stacklevel=2)


def _set_since(before: Context) -> dict[ContextVar[Any], Any]:
    """The context variables of this task that have got another value."""
    now = copy_context().items()
    return {name: value for name, value in now if name not in before or before[name] is not value}


def _says_something(message: mcp_types.PromptMessage) -> bool:
    return not isinstance(message.content, mcp_types.TextContent) or bool(
        message.content.text.strip()
    )


def _attributed(error: type[HudError], what: str, cause: BaseException) -> HudError:
    """The failure of a scenario's step; one that knows its boundary already stays what it is."""
    if isinstance(cause, error | ConnectionFailure):
        return cause
    hint = cause.hint if isinstance(cause, HudError) else None
    failure = error(f"{what}: {_reason(cause)}", hint=hint, detail=_author_traceback(cause))
    failure.__cause__ = cause
    return failure


def _reason(exc: BaseException) -> str:
    """One line: of a group what is in it, of a validation error its first complaint."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    if not isinstance(exc, ValidationError):
        return describe(exc)
    first = exc.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{exc.title}: {field}: {first['msg']}" if field else f"{exc.title}: {first['msg']}"


def _author_traceback(exc: BaseException) -> str:
    """The traceback from the author's first line on."""
    told = traceback.TracebackException.from_exception(exc)
    own = [frame for frame in told.stack if frame.filename != __file__]
    told.stack = traceback.StackSummary.from_list(own)
    return "".join(told.format())

"""Runs of scenarios: failures, clean-up in every case, and what may be held across the yields."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from hud import Environment
from hud.environment.scenario_run import ScenarioRun
from hud.environment.scenarios import Scenario
from hud.environment.session import Session
from hud.errors import ConnectionFailure, GradingFailure, SetupFailure, UserError
from tests.hud.environment.plays import Play, playing

pytestmark = pytest.mark.anyio


class Reply(BaseModel):
    city: str


def fail(error: BaseException) -> None:
    raise error


class Goodbye(BaseException):
    """An exit of the author's own."""


ERRORS = [
    ValueError("no\nsecond line"),
    KeyError("x"),
    StopIteration("x"),
    StopAsyncIteration("x"),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    Goodbye("x"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_whatever_setup_raises_is_a_setup_failure(error: BaseException) -> None:
    async def it() -> Play:
        fail(error)
        yield "prompt"

    with pytest.raises(SetupFailure, match=r"^scenario `it` failed in setup: ") as caught:
        await playing(it).get_prompt("it", {})
    assert "\n" not in caught.value.message
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_whatever_grading_raises_is_a_grading_failure(error: BaseException) -> None:
    async def it() -> Play:
        yield "prompt"
        fail(error)

    session = playing(it)
    await session.get_prompt("it", {})
    with pytest.raises(GradingFailure, match=r"^scenario `it` failed in grading: "):
        await session.grade("it")


@pytest.mark.parametrize(("answer", "is_told"), [(None, True), ("None", False)])
async def test_grading_that_cannot_take_that_nothing_was_said_is_told_so(
    answer: str | None, is_told: bool
) -> None:
    async def it() -> Play:
        said: Any = yield "prompt"
        taken: Any = None if said else said
        yield taken.strip() == "42"

    session = playing(it)
    await session.get_prompt("it", {})
    if answer is not None:
        await session.call_tool("_hud_submit", {"scenario": "it", "answer": answer})
    with pytest.raises(GradingFailure, match="'NoneType' object has no attribute") as failure:
        await session.grade("it")
    assert (failure.value.hint is not None) is is_told
    await session.close()


async def test_a_failure_carries_the_authors_traceback_and_hint() -> None:
    async def it() -> Play:
        fail(UserError("no data", hint="fetch it first"))
        yield "prompt"

    with pytest.raises(SetupFailure, match="UserError: no data") as caught:
        await playing(it).get_prompt("it", {})
    assert caught.value.hint == "fetch it first"
    detail = caught.value.detail or ""
    assert 'fail(UserError("no data"' in detail
    assert "environment/scenario_run.py" not in detail


async def test_a_validation_error_is_told_with_its_reason() -> None:
    async def it() -> Play:
        Reply.model_validate({})
        yield "prompt"

    with pytest.raises(SetupFailure, match="failed in setup: Reply: city: Field required"):
        await playing(it).get_prompt("it", {})


async def test_a_connection_that_failed_is_told_as_that() -> None:
    async def it() -> Play:
        fail(ConnectionFailure("`lab` went away"))
        yield "prompt"

    with pytest.raises(ConnectionFailure, match="`lab` went away"):
        await playing(it).get_prompt("it", {})


async def test_a_scenario_that_ends_early_fails_where_it_ended() -> None:
    async def before() -> Play:
        for prompt in list[str]():
            yield prompt

    async def after() -> Play:
        yield "prompt"

    with pytest.raises(SetupFailure, match="scenario `it` ended before it yielded a prompt"):
        await playing(before).get_prompt("it", {})
    session = playing(after)
    await session.get_prompt("it", {})
    with pytest.raises(GradingFailure, match="scenario `it` ended without yielding a reward"):
        await session.grade("it")


async def test_grading_twice_gives_the_same_result() -> None:
    graded: list[Any] = []

    async def it() -> Play:
        graded.append((yield "prompt"))
        yield 0.5

    session = playing(it)
    await session.get_prompt("it", {})
    results: list[Any] = []

    async def grade() -> None:
        results.append(await session.grade("it"))

    async with anyio.create_task_group() as group:
        group.start_soon(grade)
        group.start_soon(grade)
    session.submit("too late")
    assert results[0] is results[1] is await session.grade("it")
    assert graded == [None]


async def test_grading_that_failed_fails_again_in_the_same_way() -> None:
    async def it() -> Play:
        yield "prompt"
        yield "good"

    session = playing(it)
    await session.get_prompt("it", {})
    for _ in range(2):
        with pytest.raises(GradingFailure, match="yielded 'good', which is no reward"):
            await session.grade("it")


class Story:
    """A scenario that writes down what happens to it."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.started = anyio.Event()

    async def complete(self) -> Play:
        try:
            yield "prompt"
            self.events.append("graded")
            yield 1.0
            self.events.append("went on")
        finally:
            await anyio.lowlevel.checkpoint()
            self.events.append("cleaned")

    async def broken_setup(self) -> Play:
        try:
            fail(ValueError("broken"))
            yield "prompt"
        finally:
            await anyio.lowlevel.checkpoint()
            self.events.append("cleaned")

    async def slow_setup(self) -> Play:
        try:
            self.started.set()
            await anyio.sleep_forever()
            yield "prompt"
        finally:
            await anyio.lowlevel.checkpoint()
            self.events.append("cleaned")

    async def slow_grading(self) -> Play:
        try:
            yield "prompt"
            self.started.set()
            await anyio.sleep_forever()
        finally:
            await anyio.lowlevel.checkpoint()
            self.events.append("cleaned")


async def test_finally_blocks_have_run_when_the_grade_is_there() -> None:
    story = Story()
    session = playing(story.complete)
    await session.get_prompt("it", {})
    await session.grade("it")
    assert story.events == ["graded", "cleaned"]


async def test_finally_blocks_have_run_when_setup_failed() -> None:
    story = Story()
    with pytest.raises(SetupFailure):
        await playing(story.broken_setup).get_prompt("it", {})
    assert story.events == ["cleaned"]


async def test_finally_blocks_have_run_when_a_session_is_closed_without_a_grade() -> None:
    story = Story()
    session = playing(story.complete)
    await session.get_prompt("it", {})
    await session.close()
    await session.close()
    assert story.events == ["cleaned"]


async def test_the_next_scenario_closes_the_one_before() -> None:
    story = Story()
    session = playing(story.complete)
    await session.get_prompt("it", {})
    await session.get_prompt("it", {})
    assert story.events == ["cleaned"]
    await session.close()


async def test_leaving_the_environment_closes_its_own_scenario() -> None:
    story = Story()
    env = Environment("test")
    env.scenario("it")(story.complete)
    async with env:
        await env.get_prompt("it")
    assert story.events == ["cleaned"]


async def cancelled_setup_by_asyncio(session: Session, story: Story) -> None:
    task = asyncio.create_task(session.get_prompt("it", {}))
    await story.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancelled_setup_by_anyio(session: Session, story: Story) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(session.get_prompt, "it", {})
        await story.started.wait()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("cancel", [cancelled_setup_by_asyncio, cancelled_setup_by_anyio])
async def test_a_setup_that_is_cancelled_is_interrupted_and_cleaned_up(cancel: Any) -> None:
    story = Story()
    with anyio.fail_after(5):
        await cancel(playing(story.slow_setup), story)
    assert story.events == ["cleaned"]


async def test_a_grading_that_is_cancelled_is_interrupted_and_cleaned_up() -> None:
    story = Story()
    session = playing(story.slow_grading)
    await session.get_prompt("it", {})
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(session.grade, "it")
            await story.started.wait()
            group.cancel_scope.cancel()
        assert story.events == ["cleaned"]
        with pytest.raises(GradingFailure, match="scenario `it`"):
            await session.grade("it")


async def test_closing_during_a_step_interrupts_it() -> None:
    story = Story()
    session = playing(story.slow_grading)
    await session.get_prompt("it", {})
    with anyio.fail_after(5):
        grading = asyncio.create_task(session.grade("it"))
        await story.started.wait()
        await session.close()
        with pytest.raises(GradingFailure, match="the run was closed"):
            await grading
    assert story.events == ["cleaned"]


async def test_a_reward_stands_when_cleaning_up_fails() -> None:
    async def it() -> Play:
        try:
            yield "prompt"
            yield 0.5
        finally:
            raise RuntimeError("the database is gone")

    session = playing(it)
    await session.get_prompt("it", {})
    with pytest.warns(
        UserWarning, match="scenario `it`: clean-up raised RuntimeError: the database is gone"
    ):
        result = await session.grade("it")
    assert result.reward == 0.5


async def test_a_generator_that_will_not_close_is_told_about() -> None:
    async def it() -> Play:
        yield "prompt"
        try:
            yield 0.5
        except GeneratorExit:
            yield 0.75

    session = playing(it)
    await session.get_prompt("it", {})
    with pytest.warns(
        UserWarning, match="clean-up raised RuntimeError: async generator ignored GeneratorExit"
    ):
        result = await session.grade("it")
    assert result.reward == 0.5


async def test_clean_up_that_never_ends_is_given_up() -> None:
    interrupted: list[str] = []

    async def it() -> Play:
        try:
            yield "prompt"
        finally:
            try:
                await anyio.sleep_forever()
            finally:
                interrupted.append("yes")

    run = ScenarioRun(Scenario(it), {})
    run.clean_up_seconds = 0.01
    await run.setup()
    with anyio.fail_after(5), pytest.warns(UserWarning, match="clean-up was interrupted"):
        await run.close()
    assert interrupted == ["yes"]


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_context_variables_of_setup_are_there_in_grading_and_clean_up() -> None:
    seen: list[str] = []

    async def it() -> Play:
        token = variable.set("set")
        try:
            yield "prompt"
            seen.append(variable.get())
            yield 1.0
        finally:
            seen.append(variable.get())
            variable.reset(token)

    session = playing(it)
    await session.get_prompt("it", {})
    await session.grade("it")
    assert seen == ["set", "set"]
    assert variable.get() == "unset"


async def test_setup_grading_and_clean_up_run_in_one_task() -> None:
    tasks: list[Any] = []

    async def it() -> Play:
        try:
            tasks.append(asyncio.current_task())
            yield "prompt"
            tasks.append(asyncio.current_task())
            yield 1.0
        finally:
            tasks.append(asyncio.current_task())

    session = playing(it)
    await asyncio.create_task(session.get_prompt("it", {}))
    await asyncio.create_task(session.grade("it"))
    assert len(set(tasks)) == 1
    assert len(tasks) == 3


@asynccontextmanager
async def helper(log: list[str]) -> AsyncIterator[None]:
    """A server that a scenario keeps running while the agent works."""
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)
        yield
        log.append("stopped")
        group.cancel_scope.cancel()


async def test_a_task_group_may_be_held_across_the_yields() -> None:
    log: list[str] = []

    async def it() -> Play:
        async with helper(log):
            yield "prompt"
            reward = 1.0
        yield reward

    session = playing(it)
    await session.get_prompt("it", {})
    assert (await session.grade("it")).reward == 1.0
    assert log == ["stopped"]


@asynccontextmanager
async def asyncio_limit(seconds: float) -> AsyncIterator[None]:
    async with asyncio.timeout(seconds):
        yield


@asynccontextmanager
async def anyio_limit(seconds: float) -> AsyncIterator[None]:
    with anyio.fail_after(seconds):
        yield


LIMITS = pytest.mark.parametrize("limit", [asyncio_limit, anyio_limit])


@LIMITS
async def test_a_time_limit_held_across_the_yields_that_is_kept_changes_nothing(limit: Any) -> None:
    async def it() -> Play:
        async with limit(60):
            yield "prompt"
            await anyio.lowlevel.checkpoint()
            yield 1.0

    session = playing(it)
    await session.get_prompt("it", {})
    assert (await session.grade("it")).reward == 1.0


@LIMITS
async def test_a_time_limit_that_ends_while_the_agent_works_fails_the_grading(limit: Any) -> None:
    ended = anyio.Event()

    async def it() -> Play:
        try:
            async with limit(0.01):
                yield "prompt"
                yield 1.0
        finally:
            ended.set()

    session = playing(it)
    await session.get_prompt("it", {})
    with anyio.fail_after(5):
        await ended.wait()
        with pytest.raises(GradingFailure, match="scenario `it` failed in grading: TimeoutError"):
            await session.grade("it")


@LIMITS
async def test_a_scenario_may_grade_an_agent_that_was_too_slow(limit: Any) -> None:
    late = anyio.Event()

    async def it() -> Play:
        try:
            async with limit(0.01):
                yield "prompt"
        except TimeoutError:
            late.set()
            yield 0.25
        yield 1.0

    session = playing(it)
    await session.get_prompt("it", {})
    with anyio.fail_after(5):
        await late.wait()
        assert (await session.grade("it")).reward == 0.25


@pytest.mark.parametrize("kind", ["asyncio", "anyio"])
async def test_a_helper_that_fails_while_the_agent_works_fails_the_grading(kind: str) -> None:
    crash, ended = anyio.Event(), anyio.Event()

    async def server() -> None:
        await crash.wait()
        raise ConnectionError("the helper is gone")

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        if kind == "anyio":
            async with anyio.create_task_group() as group:
                group.start_soon(server)
                yield
        else:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server())
                yield

    async def it() -> Play:
        try:
            async with running():
                yield "prompt"
                yield 1.0
        finally:
            ended.set()

    session = playing(it)
    await session.get_prompt("it", {})
    crash.set()
    with anyio.fail_after(5):
        await ended.wait()
        with pytest.raises(GradingFailure, match="ConnectionError: the helper is gone"):
            await session.grade("it")


def test_a_run_that_is_left_behind_is_closed_with_its_event_loop() -> None:
    story = Story()

    async def main() -> None:
        await playing(story.complete).get_prompt("it", {})

    asyncio.run(main())
    assert story.events == ["cleaned"]


async def test_tools_see_the_context_variables_that_the_scenario_has_set() -> None:
    basket: contextvars.ContextVar[list[str]] = contextvars.ContextVar("basket")
    env = Environment("shop")

    @env.tool
    def put(item: str) -> None:
        basket.get().append(item)

    @env.scenario("buy")
    async def buy() -> Play:
        token = basket.set([])
        try:
            yield "Buy milk."
            yield float(basket.get() == ["milk"])
        finally:
            basket.reset(token)

    session = Session(env)
    assert (await session.call_tool("put", {"item": "early"})).is_error
    await session.get_prompt("buy", {})
    assert not (await session.call_tool("put", {"item": "milk"})).is_error
    assert basket.get(None) is None
    assert (await session.grade("buy")).reward == 1.0
    await session.close()
    assert (await session.call_tool("put", {"item": "late"})).is_error

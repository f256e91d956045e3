"""Scenarios as authors write them: prompts, answers, failures, clean-up, the agent's tools."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types
import pytest
from pydantic import BaseModel

import hud.environment.scenarios
from hud import Environment
from hud.environment.scenario_run import ScenarioRun
from hud.environment.scenarios import Scenario
from hud.environment.session import Session, StringArguments
from hud.errors import GradingFailure, SetupFailure, ToolError, UserError
from hud.types import AgentAnswer, MCPToolCall

pytestmark = pytest.mark.anyio

Play = AsyncGenerator[Any, Any]

IMAGE = mcp_types.ImageContent(data="cG5n", mime_type="image/png")
SOUND = mcp_types.AudioContent(data="d2F2", mime_type="audio/wav")


def text(value: str) -> mcp_types.TextContent:
    return mcp_types.TextContent(text=value)


def message(role: Any, content: Any) -> mcp_types.PromptMessage:
    return mcp_types.PromptMessage(role=role, content=content)


class Reply(BaseModel):
    city: str
    sure: bool = True


class Letter(BaseModel):
    content: str


class Turn(BaseModel):
    """A message of another library."""

    role: str
    content: str


def playing(function: Callable[..., Play], **options: Any) -> Session:
    """A session of an environment whose only scenario is `it`."""
    env = Environment("test")
    env.scenario("it", **options)(function)
    return Session(env)


async def first_yield(value: Any) -> list[tuple[str, Any]]:
    async def it() -> Play:
        yield value
        yield 1.0

    session = playing(it)
    messages = (await session.get_prompt("it", {})).messages
    await session.close()
    return [(item.role, item.content) for item in messages]


async def answer_received(*submitted: Any, **options: Any) -> Any:
    received: list[Any] = []

    async def it() -> Play:
        received.append((yield "prompt"))
        yield 1.0

    session = playing(it, **options)
    await session.get_prompt("it", {})
    for answer in submitted:
        session.submit(answer)
    await session.grade("it")
    return received[0]


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("hello", [("user", text("hello"))]),
        (text("hello"), [("user", text("hello"))]),
        (IMAGE, [("user", IMAGE)]),
        (SOUND, [("user", SOUND)]),
        (
            ["look", IMAGE, "at this"],
            [("user", text("look")), ("user", IMAGE), ("user", text("at this"))],
        ),
        (message("assistant", text("hi")), [("assistant", text("hi"))]),
        (
            [message("user", text("hi")), message("assistant", text("hello")), "and now?"],
            [("user", text("hi")), ("assistant", text("hello")), ("user", text("and now?"))],
        ),
        ({"role": "assistant", "content": "hi"}, [("assistant", text("hi"))]),
        ([{"role": "user", "content": ["a", IMAGE]}], [("user", text("a")), ("user", IMAGE)]),
        (Turn(role="assistant", content="hi"), [("assistant", text("hi"))]),
        ({"type": "text", "text": "hi"}, [("user", text("hi"))]),
        (
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            [("user", text("hi"))],
        ),
        (["", IMAGE], [("user", text("")), ("user", IMAGE)]),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_first_yield_becomes_messages_with_roles_and_images(
    value: Any, messages: list[tuple[str, Any]]
) -> None:
    assert await first_yield(value) == messages


@pytest.mark.parametrize("value", ["", "  \n", [], [""], text(" ")], ids=repr)
async def test_an_empty_prompt_is_refused(value: Any) -> None:
    with pytest.raises(SetupFailure, match="scenario `it` yielded an empty prompt"):
        await first_yield(value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        0.5,
        object(),
        {"a": 1},
        {"type": "smell"},
        {"role": "system", "content": "x"},
        ["a", 1],
    ],
    ids=repr,
)
async def test_a_first_yield_that_is_no_prompt_is_a_setup_failure(value: Any) -> None:
    with pytest.raises(SetupFailure, match="scenario `it` yielded no prompt first"):
        await first_yield(value)


ANSWERS = ["3", "", '{"content": "x"}', '{"a": 1}', "{", "[1, 2]", "null", "123", "é\n", '"quoted"']


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
async def test_the_scenario_receives_exactly_the_string_that_was_submitted(answer: str) -> None:
    assert await answer_received(answer) == answer


async def test_without_a_submission_the_answer_is_none() -> None:
    assert await answer_received() is None
    assert await answer_received(returns=int) is None
    assert await answer_received(enable_citations=True) is None


async def test_the_last_submission_counts() -> None:
    assert await answer_received("first", "second") == "second"


@pytest.mark.parametrize(
    ("returns", "answer", "content"),
    [
        (int, "4", 4),
        (int, " 4\n", 4),
        (int, 4, 4),
        (float, "0.5", 0.5),
        (bool, "true", True),
        (bool, "True", True),
        (str, "4", "4"),
        (str, '{"a": 1}', '{"a": 1}'),
        (list[str], '["a", "b"]', ["a", "b"]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Reply, '{"city": "Paris"}', Reply(city="Paris")),
        (Reply, '```json\n{"city": "Paris"}\n```', Reply(city="Paris")),
        (Reply, {"city": "Paris"}, Reply(city="Paris")),
        (Letter, '{"content": "dear"}', Letter(content="dear")),
        (Letter, {"content": "dear"}, Letter(content="dear")),
        (Reply | None, "null", None),
    ],
    ids=str,
)
async def test_an_answer_is_read_as_the_declared_type(
    returns: Any, answer: Any, content: Any
) -> None:
    received = await answer_received(answer, returns=returns)
    assert isinstance(received, AgentAnswer)
    assert received.content == content
    assert type(received.content) is type(content)


async def test_a_typed_answer_keeps_what_was_submitted() -> None:
    assert (await answer_received(" 4\n", returns=int)).raw == " 4\n"
    assert (await answer_received({"city": "Paris"}, returns=Reply)).raw == '{"city": "Paris"}'


@pytest.mark.parametrize(
    ("returns", "answer"), [(int, "four"), (Reply, "Paris"), (Reply, '{"a": 1}')], ids=str
)
async def test_an_answer_of_another_type_arrives_as_it_is_with_a_warning(
    returns: Any, answer: str
) -> None:
    with pytest.warns(UserWarning, match="scenario `it`: the answer does not fit `returns`"):
        received = await answer_received(answer, returns=returns)
    assert (received.content, received.raw) == (answer, answer)


CITED = {"content": "Paris", "citations": [{"source": "atlas", "text": "Paris is …"}]}


@pytest.mark.parametrize(
    "submitted", [CITED, '{"content": "Paris", "citations": [{"source": "atlas"}]}']
)
async def test_citations_arrive_beside_the_answer(submitted: Any) -> None:
    received = await answer_received(submitted, enable_citations=True)
    assert (received.content, received.raw) == ("Paris", "Paris")
    assert [citation.source for citation in received.citations] == ["atlas"]


async def test_citations_go_with_a_declared_type() -> None:
    received = await answer_received({**CITED, "content": '{"city": "Paris"}'}, returns=Reply)
    assert received.content == Reply(city="Paris")
    assert received.citations[0].source == "atlas"


async def test_a_plain_answer_has_no_citations() -> None:
    received = await answer_received("Paris", enable_citations=True)
    assert (received.content, received.citations) == ("Paris", [])


async def test_a_structured_answer_to_a_plain_scenario_is_its_content() -> None:
    assert await answer_received(CITED) == "Paris"
    assert await answer_received({"a": 1}) == {"a": 1}


async def test_published_environments_may_replace_how_the_answer_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "_build_answer_for_generator"
    original = getattr(hud.environment.scenarios, name)

    def shouting(session: Any) -> Any:
        session.answer = session.answer.upper()
        return original(session)

    monkeypatch.setattr(hud.environment.scenarios, name, shouting)
    assert await answer_received("quiet") == "QUIET"


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


async def test_a_failure_carries_the_authors_traceback_and_hint() -> None:
    async def it() -> Play:
        fail(UserError("no data", hint="fetch it first"))
        yield "prompt"

    with pytest.raises(SetupFailure, match="UserError: no data") as caught:
        await playing(it).get_prompt("it", {})
    assert caught.value.hint == "fetch it first"
    detail = caught.value.detail or ""
    assert 'fail(UserError("no data"' in detail
    assert "scenario_run.py" not in detail


async def test_a_validation_error_is_told_with_its_reason() -> None:
    async def it() -> Play:
        Reply.model_validate({"sure": True})
        yield "prompt"

    with pytest.raises(SetupFailure, match="failed in setup: Reply: city: Field required"):
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


async def test_sessions_do_not_share_a_run() -> None:
    async def it(word: str) -> Play:
        answer = yield word
        yield answer == word

    env = Environment("test")
    env.scenario("it")(it)
    sessions = {word: Session(env) for word in ("a", "b")}
    for word, session in sessions.items():
        await session.get_prompt("it", {"word": word})
    for word, session in sessions.items():
        session.submit(word)
    assert [(await session.grade("it")).reward for session in sessions.values()] == [1.0, 1.0]


async def test_answers_and_grades_need_the_scenario_that_is_under_way() -> None:
    async def it() -> Play:
        yield "prompt"
        yield 1.0

    session = playing(it)
    with pytest.raises(UserError, match="no scenario is under way"):
        session.submit("x")
    with pytest.raises(GradingFailure, match="scenario `it` was not set up"):
        await session.grade("it")
    await session.get_prompt("test:it", {})
    with pytest.raises(UserError, match="the scenario under way is `it`, not `other`"):
        session.submit("x", scenario="test:other")
    session.submit("x", scenario="test:it")
    assert (await session.grade("test:it")).reward == 1.0


async def test_the_environments_own_session_plays_a_scenario() -> None:
    env = Environment("test")

    @env.scenario
    async def it(word: str) -> Play:
        answer = yield [f"say {word}", IMAGE, "please"]
        yield answer == word

    assert await env.run_scenario_setup("it", {"word": "hi"}) == "say hi\nplease"
    await env.submit("it", "hi")
    assert (await env.run_scenario_evaluate("it")).reward == 1.0
    result = await env.read_resource("test:it")
    assert isinstance(result.contents[0], mcp_types.TextResourceContents)
    assert '"reward":1.0' in result.contents[0].text


@pytest.mark.parametrize("name", [None, "other"])
def test_every_form_of_the_decorator_gives_a_handle(name: str | None) -> None:
    async def it(word: str) -> Play:
        """Say a word."""
        yield word
        yield 1.0

    env = Environment("test")
    handles = [env.scenario(name)(it), env.scenario(name=name)(it)]
    if name is None:
        handles += [env.scenario(it), env.scenario()(it)]
    for handle in handles:
        assert handle.name == (name or "it")
        assert handle.__doc__ == "Say a word."
        assert handle.task(word="a").scenario == (name or "it")


async def test_a_handle_is_callable_like_its_function() -> None:
    env = Environment("test")

    @env.scenario
    async def it(word: str, self: int = 1) -> Play:
        yield word * self
        yield 1.0

    generator = it("ab", self=2)
    assert await anext(generator) == "abab"
    await generator.aclose()
    assert env._scenarios["it"].__name__ == "it"


async def coroutine() -> None: ...


def generator() -> Any:
    yield "prompt"


async def no_messages() -> Play:
    yield "prompt"


async def unschematic(value: Story) -> Play:
    yield "prompt"


@pytest.mark.parametrize(
    ("function", "options", "complaint"),
    [
        (coroutine, {}, "scenario `coroutine` must be an async generator"),
        (generator, {}, "scenario `generator` must be an async generator"),
        (no_messages, {"chat": True}, "needs a parameter `messages`"),
        (unschematic, {}, "scenario `unschematic`: a parameter's type has no JSON schema"),
        (no_messages, {"nmae": "x"}, "a scenario has no option `nmae`"),
    ],
    ids=["coroutine", "generator", "chat", "annotation", "option"],
)
def test_what_cannot_be_a_scenario_is_refused_at_once(
    function: Any, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(TypeError, match=complaint):
        Environment("test").scenario(**options)(function)


def test_a_name_with_a_colon_is_refused() -> None:
    with pytest.raises(UserError, match="scenario `a:b`: a scenario's name cannot hold a colon"):
        Environment("test").scenario("a:b")(no_messages)


async def test_a_chat_scenario_takes_the_conversation() -> None:
    async def chat(messages: list[dict[str, Any]]) -> Play:
        yield messages
        yield 1.0

    env = Environment("test")
    env.scenario("it", chat=True)(chat)
    result = await env.get_prompt("it", {"messages": [{"role": "user", "content": "hi"}]})
    assert [(item.role, item.content) for item in result.messages] == [("user", text("hi"))]
    await env.session.close()


def test_the_definition_tells_arguments_and_options_but_never_the_source() -> None:
    env = Environment("test")

    @env.scenario(
        description="Counts.",
        exclude_tools=["secret_*"],
        required_env_vars=["TOKEN"],
        returns=Reply,
        enable_citations=True,
    )
    async def count(word: str, limit: int = 3) -> Play:
        yield f"the secret is {word}"
        yield 1.0

    [prompt] = env.prompt_definitions()
    assert (prompt.name, prompt.description) == ("test:count", "Counts.")
    assert [(item.name, item.required) for item in prompt.arguments or ()] == [
        ("word", True),
        ("limit", False),
    ]
    assert prompt.meta is not None
    assert prompt.meta["required_env_vars"] == ["TOKEN"]
    assert prompt.meta["exclude_tools"] == ["secret_*"]
    assert prompt.meta["returns_schema"]["title"] == "Reply"
    assert prompt.meta["enable_citations"] is True
    assert prompt.meta["arguments"][1]["default"] == 3
    assert "the secret is" not in prompt.model_dump_json()


async def test_a_missing_environment_variable_is_named_before_setup(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def it() -> Play:
        yield "prompt"
        yield 1.0

    monkeypatch.delenv("SOME_TOKEN", raising=False)
    session = playing(it, required_env_vars=["SOME_TOKEN"])
    with pytest.raises(SetupFailure, match="scenario `it` needs the variable SOME_TOKEN"):
        await session.get_prompt("it", {})
    monkeypatch.setenv("SOME_TOKEN", "x")
    await session.get_prompt("it", {})
    await session.close()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "scenario `it`: argument 'word' is missing"),
        ({"word": "a", "wrod": 1}, "scenario `it`: unknown argument 'wrod'"),
        ({"word": "a", "limit": "many"}, "scenario `it`: argument 'limit'"),
    ],
    ids=["missing", "unknown", "type"],
)
async def test_arguments_that_do_not_fit_fail_the_setup(
    arguments: dict[str, Any], complaint: str
) -> None:
    async def it(word: str, limit: int = 1) -> Play:
        yield word
        yield 1.0

    with pytest.raises(SetupFailure, match=complaint):
        await playing(it).get_prompt("it", arguments)


async def test_arguments_from_a_wire_of_strings_are_read_by_their_types() -> None:
    received: list[Any] = []

    async def it(word: str | None, other: str, items: list[int], flag: bool) -> Play:
        received.extend([word, other, items, flag])
        yield "prompt"
        yield 1.0

    session = playing(it)
    wire = {"word": "null", "other": "null", "items": "[1]", "flag": "true"}
    await session.get_prompt("it", StringArguments(wire))
    await session.get_prompt("it", {"word": "null", "other": "null", "items": [1], "flag": True})
    await session.close()
    assert received == [None, "null", [1], True, "null", "null", [1], True]


def toolbox(**options: Any) -> Session:
    env = Environment("test")
    for name in ("read", "write", "write_all", "_reset"):
        env.tool(name)(lambda: "done")

    @env.scenario("it", **options)
    async def it() -> Play:
        yield "prompt"
        yield (await env.call_tool("write")).value == "done"

    return Session(env)


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, ["read", "write", "write_all"]),
        ({"exclude_tools": ["write"]}, ["read", "write_all"]),
        ({"exclude_tools": "write*"}, ["read"]),
        ({"exclude_tools": ["*"], "allowed_tools": ["write_*"]}, ["write_all"]),
        ({"allowed_tools": ["read"]}, ["read", "write", "write_all"]),
    ],
    ids=str,
)
async def test_a_scenario_decides_which_tools_the_agent_keeps(
    options: dict[str, Any], left: list[str]
) -> None:
    session = toolbox(**options)
    await session.get_prompt("it", {})
    assert [tool.name for tool in await session.list_tools()] == left
    for name in ("read", "write", "write_all"):
        assert (await session.call_tool(name, {})).is_error is (name not in left)
    await session.close()
    assert len(await session.list_tools()) == 3


async def test_the_scenario_itself_may_use_what_it_keeps_from_the_agent() -> None:
    env = toolbox(exclude_tools=["write"]).env
    await env.get_prompt("it")
    with pytest.raises(ToolError, match="Tool 'write' is not available in this scenario"):
        await env.call_tool("write")
    assert (await env.run_scenario_evaluate("it")).reward == 1.0


async def test_tools_of_an_excluded_source_are_refused_but_may_be_rescued() -> None:
    inner, env = Environment("inner"), Environment("test")
    for name in ("look", "touch"):
        inner.tool(name)(lambda: "done")
    env.connect_server(inner, name="lab")
    env.tool("own")(lambda: "done")

    @env.scenario("it", exclude_sources=["lab"], allowed_tools=["look"])
    async def it() -> Play:
        yield "prompt"
        yield 1.0

    async with env:
        await env.get_prompt("it")
        assert [tool.name for tool in env.as_tools()] == ["own", "look"]
        refused = await env.call_tool(MCPToolCall(name="touch"))
        assert refused.is_error is True
        assert (await env.call_tool("look")).value == "done"

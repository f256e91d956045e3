"""Scenarios as authors declare them: prompts, arguments, what clients see, the agent's tools."""

from __future__ import annotations

from typing import Any

import mcp_types
import pytest
from pydantic import BaseModel

from hud import Environment
from hud.environment.session import Session, StringArguments
from hud.errors import GradingFailure, SetupFailure, ToolError, UserError
from hud.types import MCPToolCall
from tests.hud.environment.plays import Play, playing

pytestmark = pytest.mark.anyio

IMAGE = mcp_types.ImageContent(data="cG5n", mime_type="image/png")
SOUND = mcp_types.AudioContent(data="d2F2", mime_type="audio/wav")


def text(value: str) -> mcp_types.TextContent:
    return mcp_types.TextContent(text=value)


def message(role: Any, content: Any) -> mcp_types.PromptMessage:
    return mcp_types.PromptMessage(role=role, content=content)


class Reply(BaseModel):
    city: str


class Turn(BaseModel):
    """A message of another library."""

    role: str
    content: str


async def first_yield(value: Any) -> list[tuple[str, Any]]:
    async def it() -> Play:
        yield value
        yield 1.0

    session = playing(it)
    messages = (await session.get_prompt("it", {})).messages
    await session.close()
    return [(item.role, item.content) for item in messages]


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
        ...,
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


class Unschematic:
    """No JSON schema describes it."""


async def coroutine() -> None: ...


def generator() -> Any:
    yield "prompt"


async def no_messages() -> Play:
    yield "prompt"


async def unschematic(value: Unschematic) -> Play:
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


async def test_a_missing_environment_variable_is_told_and_hinted_at_where_the_scenario_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def it(demands: bool = False) -> Play:
        if demands:
            raise KeyError("SOME_TOKEN")
        yield "prompt"
        yield 1.0

    monkeypatch.delenv("SOME_TOKEN", raising=False)
    session = playing(it, required_env_vars=["SOME_TOKEN"])
    await session.get_prompt("it", {})
    assert "scenario `it` needs the variable SOME_TOKEN, which is not set" in caplog.text
    with pytest.raises(SetupFailure, match="KeyError") as failure:
        await session.get_prompt("it", {"demands": True})
    assert failure.value.hint == "the scenario needs SOME_TOKEN: export SOME_TOKEN=…"
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

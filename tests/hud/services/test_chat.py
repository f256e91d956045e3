"""Conversations: what the scenario and the agent are told, turn by turn, and what is kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import anyio
import mcp_types
import pytest

import hud
from hud import Environment
from hud.agents import ScriptedAgent
from hud.errors import AgentFailure, UserError
from hud.services import Chat, ChatService
from hud.types import Trace

pytestmark = pytest.mark.anyio

Messages = list[Any]


def desk() -> Environment:
    """An environment with a chat, which remembers what it was told last."""
    env = Environment("desk")

    @env.scenario("assist", chat=True)
    async def assist(
        messages: list[mcp_types.PromptMessage], tone: str = "kind"
    ) -> AsyncGenerator[Any, Any]:
        """Help whoever asks."""
        yield messages
        yield 1.0 if tone == "kind" else 0.5

    @env.scenario("once")
    async def once() -> AsyncGenerator[Any, Any]:
        yield "do"
        yield 1.0

    return env


def repeat(messages: Messages) -> str:
    """What a model says that tells how much it was told, and what last."""
    texts = [block["text"] for message in messages for block in message["content"]]
    return f"{len(texts)}: {texts[-1]}"


def chat(**options: Any) -> Chat:
    return desk().chat("assist", model=ScriptedAgent(repeat), **options)


async def say(chat: Chat, text: Any) -> Trace:
    with anyio.fail_after(10):
        return await chat.send(text)


async def test_each_turn_is_told_the_whole_conversation() -> None:
    talk = chat()
    first, second = await say(talk, "hello"), await say(talk, "again")
    assert (first.content, second.content) == ("1: hello", "3: again")
    assert (first.reward, second.reward) == (1.0, 1.0)
    assert [message["role"] for message in talk.messages] == ["user", "assistant"] * 2


async def test_what_the_task_has_fixed_stays() -> None:
    env = desk()
    talk = hud.Chat(
        hud.Task(env=env, scenario="assist", args={"tone": "curt"}), model=ScriptedAgent("x")
    )
    assert (await say(talk, "hello")).reward == 0.5


async def test_a_message_may_have_several_parts() -> None:
    parts = [mcp_types.TextContent(text="look"), mcp_types.TextContent(text="there")]
    assert (await say(chat(), parts)).content == "2: there"


async def test_a_turn_without_an_answer_leaves_the_history_as_it_was() -> None:
    def fail_once(messages: Messages) -> str:
        if not failures:
            failures.append(1)
            raise AgentFailure("out of words")
        return repeat(messages)

    failures: list[int] = []
    talk = Chat(desk()("assist"), model=ScriptedAgent(fail_once))
    failed = await say(talk, "hello")
    assert (failed.isError, failed.error, talk.messages) == (True, "out of words", [])
    assert (await say(talk, "hello")).content == "1: hello"


async def test_turns_of_one_chat_do_not_overlap() -> None:
    talk = chat()
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(say, talk, "hello")
    answers = [item["content"]["text"] for item in talk.messages if item["role"] == "assistant"]
    assert answers == ["1: hello", "3: hello", "5: hello"]


async def test_a_history_can_be_taken_along() -> None:
    talk, other = chat(), chat()
    await say(talk, "hello")
    exported = talk.export_history()
    other.load_history(exported)
    assert (await say(other, "again")).content == "3: again"
    assert exported == talk.export_history()
    assert len(exported) == 2


async def test_a_history_may_be_written_in_texts() -> None:
    talk = chat()
    talk.load_history([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}])
    assert (await say(talk, "what?")).content == "3: what?"


@pytest.mark.parametrize(
    "message", [{"role": "user"}, {"role": "cat", "content": "x"}, "hello", None]
)
def test_what_is_no_message_is_refused(message: Any) -> None:
    with pytest.raises(UserError, match="is no message"):
        chat().load_history([message])


async def test_a_cleared_chat_is_a_new_one() -> None:
    talk = chat()
    before = talk.session_id
    await say(talk, "hello")
    talk.clear()
    assert (await say(talk, "hello")).content == "1: hello"
    assert talk.session_id != before


def test_a_scenario_without_messages_is_no_chat() -> None:
    with pytest.raises(UserError, match="`once` is no chat: it has no parameter `messages`"):
        desk().chat("once", model="nop")
    with pytest.raises(UserError, match="has no scenario `asist`"):
        desk().chat("asist", model="nop")
    with pytest.raises(TypeError, match="no option `colour`"):
        chat(colour="red")


async def test_nothing_cannot_be_said() -> None:
    with pytest.raises(UserError, match="the message is empty"):
        await chat().send(" ")


async def test_a_chat_as_a_tool_takes_what_the_scenario_takes() -> None:
    env = Environment("front")
    env.add_tool(chat(name="helper", trace=False, quiet=True).as_tool())
    (tool,) = env.as_tools()
    assert (tool.name, tool.description) == ("helper", "Help whoever asks.")
    told = await env.call_tool(
        "helper", messages=[{"role": "user", "content": {"type": "text", "text": "hi"}}]
    )
    assert told.text == "1: hi"


async def test_a_service_keeps_a_history_for_each_session() -> None:
    service = ChatService(desk()("assist"), model=ScriptedAgent(repeat), trace=False)
    assert (await service.send("hello")).content == "1: hello"
    assert (await service.send("again")).content == "3: again"
    assert (await service.send("hello", session_id="other")).content == "1: hello"
    kept = service.export_history()
    service.clear()
    assert (service.export_history(), len(kept)) == ([], 4)
    service.load_history(kept, session_id="third")
    assert (await service.send("more", session_id="third")).content == "5: more"


def test_a_service_over_an_environment_needs_a_scenario() -> None:
    with pytest.raises(UserError, match="without a scenario"):
        ChatService(desk(), model=ScriptedAgent(repeat))

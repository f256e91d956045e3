"""A chat served to other agents, with the protocol's own client over HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import uvicorn

from hud.agents import ScriptedAgent
from hud.errors import AgentFailure
from hud.services import ChatService
from hud.services.chat_service import IDLE_SECONDS
from tests.command import Command
from tests.hud.services.test_chat import desk, repeat

helpers = pytest.importorskip("a2a.helpers", reason="needs the extra `a2a`")
types = pytest.importorskip("a2a.types")
a2a_client = pytest.importorskip("a2a.client")

pytestmark = pytest.mark.anyio

LIMIT = 20.0
"""Seconds that anything here may take."""


def service(step: Any = repeat) -> ChatService:
    return ChatService(desk(), model=ScriptedAgent(step), scenario="assist", name="helper")


@asynccontextmanager
async def served(step: Any = repeat) -> AsyncIterator[str]:
    """Serve a chat, whose agent takes that step in every turn, at the address that is given."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        config = uvicorn.Config(service(step).app(address), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([bound]))
        try:
            yield address
        finally:
            server.should_exit = True
            await asyncio.wait_for(serving, LIMIT)


async def say(client: Any, text: str, **conversation: str) -> Any:
    """The state of the task after a message, from the protocol's own client."""
    message = helpers.new_text_message(text, role=types.Role.ROLE_USER, **conversation)
    request = types.SendMessageRequest(message=message)
    last = None
    async with asyncio.timeout(LIMIT):
        async for event in client.send_message(request):
            last = event
    assert last is not None
    return last.status_update or last.task


def told(state: Any) -> tuple[str, str]:
    """How a task stands, and what its message says."""
    name = types.TaskState.Name(state.status.state).removeprefix("TASK_STATE_").lower()
    return name, helpers.get_message_text(state.status.message)


async def test_another_agent_talks_with_a_chat_that_remembers_the_conversation() -> None:
    async with served() as url, await a2a_client.create_client(url) as client:
        first = await say(client, "hello")
        second = await say(client, "again", context_id=first.context_id, task_id=first.task_id)
        other = await say(client, "hello")
    answers = [told(state) for state in (first, second, other)]
    assert answers == [
        ("input_required", "1: hello"),
        ("input_required", "3: again"),
        ("input_required", "1: hello"),
    ]
    assert other.context_id != first.context_id


async def test_an_agent_of_the_protocols_earlier_version_is_answered() -> None:
    said = {"role": "user", "messageId": "1", "parts": [{"kind": "text", "text": "hello"}]}
    request = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": said}}
    async with served() as url, httpx2.AsyncClient(timeout=LIMIT) as client:
        result = (await client.post(url, json=request)).json()["result"]
    assert result["status"]["state"] == "input-required"
    assert result["status"]["message"]["parts"][0]["text"] == "1: hello"


async def test_a_turn_that_failed_fails_the_task_with_the_reason() -> None:
    def fail(messages: list[Any]) -> str:
        raise AgentFailure("out of words")

    async with served(fail) as url, await a2a_client.create_client(url) as client:
        assert told(await say(client, "hello")) == ("failed", "out of words")


async def test_an_empty_message_is_refused_and_the_conversation_lives_on() -> None:
    async with served() as url, await a2a_client.create_client(url) as client:
        assert told(await say(client, " ")) == ("failed", "the message is empty")
        assert told(await say(client, "hello")) == ("input_required", "1: hello")


def test_the_card_says_who_is_there() -> None:
    card = service().agent_card("http://example/")
    assert (card.name, card.description) == ("helper", "Chat over `desk`")
    assert {interface.url for interface in card.supported_interfaces} == {"http://example/"}


def test_conversations_that_nobody_uses_are_forgotten() -> None:
    served = service()
    kept = served.chat("a")
    assert served.chat("a") is kept
    served._used["a"] -= IDLE_SECONDS + 1
    assert served.chat("b") is not kept
    assert served.chat("a") is not kept


def test_a_missing_package_is_named_with_the_command_that_installs_it(python: Command) -> None:
    ended = python(
        "-c",
        "import sys; sys.modules['a2a'] = None\n"
        "from hud import Task\n"
        "from hud.errors import UserError\n"
        "from hud.services import Chat\n"
        "try:\n    Chat(Task(), model='nop').agent_card()\n"
        "except UserError as error:\n    print(error.message, '|', error.hint)",
    )
    assert ended.stdout == (
        "serving a chat needs the package `a2a-sdk` | pip install 'hud-local[a2a]'\n"
    ), ended.stderr

"""Programs on pipes as environments: one for each client, or one pipe for all."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from hud.dev.gateway import Limits, NotDelivered, SharedPipe, StdioUpstream, command
from tests.hud.dev.gateway.serving import QUICK, Client, Opened, first, none_soon, opened
from tests.hud.dev.gateway.toy import Json

pytestmark = pytest.mark.anyio

PROGRAM = [sys.executable, str(Path(__file__).with_name("program.py"))]


def program(*tools: str, log: list[str] | None = None) -> StdioUpstream:
    sink = log.append if log is not None else None
    return StdioUpstream("the program", command([*PROGRAM, *tools], log=sink))


@asynccontextmanager
async def in_front_of_program(folder: Path) -> AsyncIterator[Opened]:
    async with opened(program(), folder, QUICK) as front:
        await front.until("serving")
        yield front


@asynccontextmanager
async def in_front_of_pipe(folder: Path) -> AsyncIterator[Opened]:
    shared = SharedPipe(await command(PROGRAM)())
    upstream = StdioUpstream("the pipe", shared.open, on_close=shared.aclose)
    async with opened(upstream, folder, QUICK) as front:
        await front.until("serving")
        yield front


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until_gone(pid: int) -> None:
    with anyio.fail_after(5):
        while is_running(pid):
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("kind", ["program", "pipe"])
async def test_both_eras_can_use_a_program(tmp_path: Path, kind: str) -> None:
    front_of = in_front_of_program if kind == "program" else in_front_of_pipe
    async with front_of(tmp_path) as front, Client(front.url) as client:
        assert (await client.initialize())["result"]["capabilities"]["tools"]["listChanged"]
        assert await client.text("echo", text="a\nb ü") == "a\nb ü"
        assert (await client.call("echo"))["x-vendor"] == 1
        answer = (await client.modern("tools/call", {"name": "echo", "arguments": {"text": "m"}}))[
            0
        ]
        assert answer["result"]["content"][0]["text"] == "m"
        assert (await client.ask("vendor/x"))["error"]["code"] == -32601


async def test_each_client_has_a_program_of_its_own_that_ends_with_its_session(
    tmp_path: Path,
) -> None:
    async with (
        in_front_of_program(tmp_path) as front,
        Client(front.url) as one,
        Client(front.url) as other,
    ):
        await one.initialize()
        await other.initialize()
        pids = [int(await client.text("pid")) for client in (one, other)]
        assert pids[0] != pids[1]
        await one.http.delete(one.url, headers=one.headers())
        await until_gone(pids[0])
        assert is_running(pids[1])
    await until_gone(pids[1])


async def test_on_a_shared_pipe_clients_keep_their_ids_apart(tmp_path: Path) -> None:
    async with (
        in_front_of_pipe(tmp_path) as front,
        Client(front.url) as one,
        Client(front.url) as other,
    ):
        await one.initialize()
        await other.initialize()
        assert await one.text("pid") == await other.text("pid")
        texts: dict[str, str] = {}

        async def call(client: Client, text: str) -> None:
            texts[text] = await client.text("echo", text=text)

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(call, one, f"one {number}")
                tasks.start_soon(call, other, f"other {number}")
        assert all(key == value for key, value in texts.items())
        assert len(texts) == 20


@pytest.mark.parametrize("kind", ["program", "pipe"])
async def test_progress_and_questions_come_with_the_call_they_belong_to(
    tmp_path: Path, kind: str
) -> None:
    front_of = in_front_of_program if kind == "program" else in_front_of_pipe
    async with front_of(tmp_path) as front, Client(front.url) as client:
        await client.initialize()
        params: Json = {"name": "report", "_meta": {"progressToken": "p"}}
        message = {"jsonrpc": "2.0", "id": 70, "method": "tools/call", "params": params}
        note, end = await client.exchange(message)
        assert note["params"] == {"progressToken": "p", "progress": 1}
        assert end["id"] == 70
        asked = (await client.modern("tools/call", {"name": "ask"}, {"elicitation": {}}))[0][
            "result"
        ]
        given = {
            "requestState": asked["requestState"],
            "inputResponses": {next(iter(asked["inputRequests"])): {"action": "accept"}},
        }
        end = (await client.modern("tools/call", {"name": "ask"} | given, {"elicitation": {}}))[0]
        assert end["result"]["content"][0]["text"] == "accept"


async def test_a_program_that_dies_loses_its_call_and_is_started_again(tmp_path: Path) -> None:
    async with in_front_of_program(tmp_path) as front, Client(front.url) as client:
        await client.initialize()
        with anyio.fail_after(2):
            assert "outcome unknown" in (await client.call("die"))["error"]["message"]
        assert await client.text("echo", text="again") == "again"


async def test_a_pipe_that_ends_makes_calls_wait_for_the_next(tmp_path: Path) -> None:
    async with in_front_of_pipe(tmp_path) as front, Client(front.url) as client:
        await client.initialize()
        assert "outcome unknown" in (await client.call("die"))["error"]["message"]
        await front.until("waiting")
        await front.gateway.swap(program("added"), cause="the container was started again")
        assert await client.text("echo", text="again") == "again"


async def test_a_swap_between_programs_is_told_once_and_leaves_none_behind(tmp_path: Path) -> None:
    async with in_front_of_program(tmp_path) as front, Client(front.url) as client:
        await client.initialize()
        old = int(await client.text("pid"))
        async with client.stream() as events:
            await front.gateway.swap(program("added"), cause="`env.py` changed")
            assert (await first(events))["method"] == "notifications/tools/list_changed"
            assert int(await client.text("pid")) != old
            await until_gone(old)
            assert await none_soon(events)


async def test_a_cancelled_call_of_a_silent_program_ends(tmp_path: Path) -> None:
    async with in_front_of_program(tmp_path) as front, Client(front.url) as client:
        await client.initialize()
        answers: list[Json] = []

        async def call() -> None:
            answers.append(await client.call("hang"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await front.until("serving", calls=1)
            with anyio.fail_after(5):
                while not answers:
                    await client.tell("notifications/cancelled", {"requestId": 2})
        assert answers[0]["error"]["code"] == -32800


async def test_what_a_program_says_on_standard_error_is_logged(tmp_path: Path) -> None:
    lines: list[str] = []
    async with opened(program(log=lines), tmp_path, QUICK) as front, Client(front.url) as client:
        await client.initialize()
        await client.call("complain")
        with anyio.fail_after(5):
            while "a line for the log" not in lines:
                await anyio.lowlevel.checkpoint()


async def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    missing = StdioUpstream("it", command(["no-such-program"]))
    async with opened(None, tmp_path, Limits(start_seconds=0.1)) as front:
        with pytest.raises(NotDelivered, match="cannot start `no-such-program`"):
            await front.gateway.swap(missing, cause="test")

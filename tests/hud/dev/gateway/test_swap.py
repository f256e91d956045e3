"""What clients see while the environment behind the gateway is replaced, restarts, or is broken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from hud.dev.gateway import HttpUpstream, Limits, NotDelivered, Swap
from tests.hud.dev.gateway.serving import (
    QUICK,
    Client,
    Opened,
    Running,
    first,
    in_front_of,
    none_soon,
    opened,
    serving,
)
from tests.hud.dev.gateway.toy import Json, ToyServer, ask, hang, large, vanish

pytestmark = pytest.mark.anyio

CHANGED = "notifications/tools/list_changed"


@dataclass
class Scene:
    """A gateway in front of `old`, with `new` ready to take its place."""

    front: Opened
    old: ToyServer
    new: ToyServer
    new_at: Running

    async def swap(self, grace: float = 5.0) -> Swap:
        upstream = HttpUpstream(self.new_at.url)
        return await self.front.gateway.swap(upstream, cause="`env.py` changed", grace=grace)


@asynccontextmanager
async def scene(
    folder: Path, *, old: ToyServer | None = None, new: ToyServer | None = None, **limits: float
) -> AsyncIterator[Scene]:
    old, new = old or ToyServer("old"), new or ToyServer("new", tools=("added",))
    bounds = Limits(**({"hold_seconds": 5.0, "initialize_seconds": 5.0} | limits))  # type: ignore[arg-type]
    async with in_front_of(old, folder, bounds) as (front, _), serving(new.app) as new_at:
        yield Scene(front, old, new, new_at)


async def test_a_client_goes_on_with_the_new_version_in_the_same_session(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, Client(at.front.url) as client:
        await client.initialize(sampling={})
        assert await client.text("echo") == "old: {}"
        swap = await at.swap()
        assert await client.text("echo") == "new: {}"
        assert at.new.clients[-1].hello["params"]["capabilities"] == {"sampling": {}}
        assert at.new.clients[-1].heard[0]["method"] == "notifications/initialized"
        assert swap.changes["tools"].added == ("added",)
        assert (swap.generation, swap.cause) == (2, "`env.py` changed")


@pytest.mark.parametrize("is_modern", [False, True])
async def test_everybody_is_told_once_that_the_tools_changed(
    tmp_path: Path, is_modern: bool
) -> None:
    old = ToyServer("old", is_modern=is_modern)
    new = ToyServer("new", is_modern=is_modern, tools=("added",))
    async with scene(tmp_path, old=old, new=new) as at, Client(at.front.url) as client:
        await client.initialize()
        wanted = {"toolsListChanged": True}
        async with client.stream() as legacy, client.listening(**wanted) as modern:
            assert (await first(modern))["method"].endswith("acknowledged")
            await at.swap()
            assert (await first(legacy))["method"] == CHANGED
            told = await first(modern)
            assert told["method"] == CHANGED
            meta = {"io.modelcontextprotocol/subscriptionId": "listen-1"}
            assert told["params"]["_meta"] == meta
            await at.old.until(lambda: not at.old.listening)
            assert await none_soon(legacy)
            assert await none_soon(modern)


async def test_nobody_is_told_when_nothing_changed(tmp_path: Path) -> None:
    old, new = ToyServer("old", tools=("a", "b")), ToyServer("new", tools=("a", "b"))
    new.tools.reverse()
    async with scene(tmp_path, old=old, new=new) as at, Client(at.front.url) as client:
        await client.initialize()
        async with client.stream() as legacy:
            assert (await at.swap()).changes == {}
            assert await none_soon(legacy)


async def test_a_listener_hears_only_what_it_asked_for(tmp_path: Path) -> None:
    async with (
        scene(tmp_path) as at,
        Client(at.front.url) as client,
        client.listening(promptsListChanged=True) as modern,
    ):
        ack = await first(modern)
        assert ack["params"]["notifications"] == {"promptsListChanged": True}
        await at.swap()
        assert await none_soon(modern)


async def test_a_client_without_a_stream_is_told_when_it_opens_one(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, Client(at.front.url) as one, Client(at.front.url) as other:
        await one.initialize()
        await other.initialize()
        await at.swap()
        await other.ask("tools/list")
        async with one.stream() as told, other.stream() as knows:
            assert (await first(told))["method"] == CHANGED
            assert await none_soon(told)
            assert await none_soon(knows)


async def test_a_change_while_the_gateway_was_down_is_told(tmp_path: Path) -> None:
    old, new = ToyServer("old"), ToyServer("new", tools=("added",))
    async with serving(old.app) as old_at, serving(new.app) as new_at, Client("") as client:
        async with opened(HttpUpstream(old_at.url), tmp_path, QUICK) as front:
            client.url = front.url
            await client.initialize()
        async with opened(HttpUpstream(new_at.url), tmp_path, QUICK) as front:
            client.url = front.url
            async with client.stream() as events:
                assert (await first(events))["method"] == CHANGED
                assert await none_soon(events)


async def test_a_call_under_way_finishes_on_the_old_version(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, Client(at.front.url) as client:
        at.old.add("hang", hang)
        await client.initialize()
        texts: list[str] = []

        async def call() -> None:
            texts.append(await client.text("hang"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await at.old.until(lambda: "hang" in at.old.calls)
            await at.swap()
            assert await client.text("echo") == "new: {}"
            at.old.released.set()
        assert texts == ["old: released"]


@pytest.mark.parametrize(("is_read_only", "expected"), [(False, "outcome unknown"), (True, "new:")])
async def test_a_call_that_outlives_the_grace_ends(
    tmp_path: Path, is_read_only: bool, expected: str
) -> None:
    old = ToyServer("old")
    old.add("hang", hang, readOnlyHint=is_read_only)
    async with scene(tmp_path, old=old) as at, Client(at.front.url) as client:
        at.new.add("hang", large)
        await client.initialize()
        texts: list[str] = []

        async def call() -> None:
            texts.append(await client.text("hang", size=0) or "new:")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await at.old.until(lambda: "hang" in at.old.calls)
            with anyio.fail_after(3):
                await at.swap(grace=0.2)
        assert expected in texts[0]
        assert at.new.calls == (["hang"] if is_read_only else [])


async def test_an_answer_to_the_old_versions_question_goes_to_the_old_version(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at, Client(at.front.url) as client:
        at.old.add("ask", ask)
        await client.initialize()
        texts: list[str] = []

        async def call() -> None:
            texts.append(await client.text("ask"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await at.old.until(lambda: "ask" in at.old.calls)
            await at.swap()
            await client.exchange({"jsonrpc": "2.0", "id": 1, "result": {"action": "decline"}})
        assert texts == ['old: {"action": "decline"}']


async def test_a_version_that_does_not_answer_leaves_the_old_one_in_place(tmp_path: Path) -> None:
    async with scene(tmp_path, start_seconds=0.2) as at, Client(at.front.url) as client:
        await client.initialize()
        gone = HttpUpstream("http://127.0.0.1:1/mcp")
        with pytest.raises(NotDelivered, match="connect"):
            await at.front.gateway.swap(gone, cause="`env.py` changed")
        at.front.gateway.fail("the new version does not start")
        assert await client.text("echo") == "old: {}"
        status = at.front.gateway.status()
        assert status["state"] == "serving"
        assert status["last_error"]["reason"] == "the new version does not start"


async def test_calls_wait_while_held_and_go_to_the_new_version(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, Client(at.front.url) as client:
        await client.initialize()
        texts: list[str] = []

        async def call() -> None:
            texts.append(await client.text("echo"))

        async with anyio.create_task_group() as tasks:
            await at.front.gateway.drop("the container restarts")
            for _ in range(3):
                tasks.start_soon(call)
            await at.front.until("waiting", held=3)
            assert at.front.gateway.status()["cause"] == "the container restarts"
            await at.swap()
        assert texts == ["new: {}"] * 3


async def test_a_call_that_waits_too_long_gets_an_error_with_its_id_and_the_cause(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, hold_seconds=0.2) as at, Client(at.front.url) as client:
        await client.initialize()
        at.front.gateway.hold("image is building: line 3 failed")
        error = await client.call("echo")
        assert client.last is not None
        assert (client.last.status_code, error["id"]) == (503, 2)
        assert "image is building: line 3 failed" in error["error"]["message"]
        modern = (await client.modern("tools/call", {"name": "echo"}))[0]
        assert (client.last.status_code, modern["id"]) == (503, 3)
        at.front.gateway.release()
        assert await client.text("echo") == "old: {}"


async def test_too_many_waiting_calls_are_refused_at_once(tmp_path: Path) -> None:
    async with scene(tmp_path, max_held=0) as at, Client(at.front.url) as client:
        await client.initialize()
        at.front.gateway.hold("image is building")
        assert "image is building" in (await client.call("echo"))["error"]["message"]
        assert client.last is not None
        assert client.last.status_code == 429


async def test_a_failure_without_an_old_version_is_told_at_once(tmp_path: Path) -> None:
    async with opened(None, tmp_path) as front, Client(front.url) as client:
        front.gateway.fail("SyntaxError: line 3")
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
        answer = (await client.exchange(message))[0]
        assert "SyntaxError: line 3" in answer["error"]["message"]
        assert front.gateway.status()["state"] == "failed"


async def test_a_waiting_call_can_be_cancelled(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, Client(at.front.url) as client:
        await client.initialize()
        at.front.gateway.hold("image is building")
        answers: list[Json] = []

        async def call() -> None:
            answers.append(await client.call("echo"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await at.front.until("waiting", held=1)
            await client.tell("notifications/cancelled", {"requestId": 2})
        assert answers[0]["error"]["code"] == -32800
        assert at.old.calls == []


async def test_a_waiting_call_that_asked_for_progress_hears_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hud.dev.gateway.gate.NOTE_SECONDS", 0.05)
    async with scene(tmp_path, hold_seconds=0.3) as at, Client(at.front.url) as client:
        await client.initialize()
        at.front.gateway.hold("image is building")
        params = {"name": "echo", "_meta": {"progressToken": "p"}}
        message = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params}
        *notes, end = await client.exchange(message)
        assert {note["params"]["message"] for note in notes} == {"waiting: image is building"}
        progress = [note["params"]["progress"] for note in notes]
        assert progress == sorted(progress)
        assert max(progress) <= 0
        assert "not available" in end["error"]["message"]


async def test_notifications_do_not_wait(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, Client(at.front.url) as client:
        await client.initialize()
        at.front.gateway.hold("image is building")
        with anyio.fail_after(2):
            assert await client.tell("notifications/vendor") == 202
        at.front.gateway.release()
        heard = at.old.clients[-1].heard
        await at.old.until(lambda: heard[-1]["method"] == "notifications/vendor")


async def test_a_server_that_dies_and_comes_back_is_noticed_and_told_of_once(
    tmp_path: Path,
) -> None:
    old, new = ToyServer("old"), ToyServer("new", tools=("added",))
    old.add("hang", hang)
    async with (
        serving(old.app) as behind,
        opened(HttpUpstream(behind.url), tmp_path, QUICK) as front,
        Client(front.url) as client,
        anyio.create_task_group() as tasks,
    ):
        await client.initialize()
        async with client.stream() as events:
            answers: list[Json] = []

            async def call(tool: str) -> None:
                answers.append(await client.call(tool))

            tasks.start_soon(call, "hang")
            await old.until(lambda: "hang" in old.calls)
            with anyio.fail_after(1):
                behind.server.die()
                while not answers:
                    await anyio.lowlevel.checkpoint()
            assert "outcome unknown" in answers[0]["error"]["message"]
            tasks.start_soon(call, "echo")
            await front.until("waiting", held=1)
            async with serving(new.app, behind.port):
                assert (await first(events))["method"] == CHANGED
                await new.until(lambda: "echo" in new.calls)
                assert await none_soon(events)
                assert "result" in answers[1]
    assert new.calls == ["echo"]


async def test_a_lost_call_of_a_modern_client_is_an_error_too(tmp_path: Path) -> None:
    toy = ToyServer(is_modern=True)
    toy.add("vanish", vanish)
    async with in_front_of(toy, tmp_path) as (front, _), Client(front.url) as client:
        answer = (await client.modern("tools/call", {"name": "vanish"}))[0]
        assert "outcome unknown" in answer["error"]["message"]
        assert toy.calls == ["vanish"]


async def test_ten_swaps_under_load_lose_no_call(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, Client(at.front.url) as one, Client(at.front.url) as other:
        await one.initialize()
        texts: list[str] = []
        is_over = False

        async def legacy() -> None:
            while not is_over:
                texts.append(await one.text("echo"))

        async def modern() -> None:
            while not is_over:
                answer = (await other.modern("tools/call", {"name": "echo"}))[-1]
                texts.append(answer["result"]["content"][0]["text"])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(legacy)
            tasks.start_soon(modern)
            for _ in range(10):
                await at.swap()
            is_over = True
        assert set(texts) <= {"old: {}", "new: {}"}
        assert at.front.gateway.status()["generation"] == 11

"""A context that processes share over a socket."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hud.errors import StartFailure
from hud.server.context import attach_context, run_context_server, serve_context
from tests.command import ROOT


class Counter:
    """A context with a state and a failure."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, amount: int = 1) -> int:
        self.count += amount
        return self.count

    def fail(self) -> None:
        raise ValueError("out of paper")


def is_there(path: str) -> bool:
    return Path(path).exists()


@pytest.fixture
def socket(tmp_path: Path) -> str:
    return str(tmp_path / "context.sock")


@pytest.fixture
def counter(socket: str) -> Iterator[Counter]:
    instance = Counter()
    server = serve_context(instance, socket)
    yield instance
    server.shutdown()
    assert not Path(socket).exists()


def test_another_process_calls_its_methods(counter: Counter, socket: str) -> None:
    code = f"from hud.server.context import attach_context as a; print(a({socket!r}).add(amount=2))"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == "2\n"
    assert counter.count == 2
    assert attach_context(socket).add() == 3


def test_what_a_method_raises_is_raised_where_it_was_called(counter: Counter, socket: str) -> None:
    with pytest.raises(ValueError, match="out of paper"):
        attach_context(socket).fail()


def test_a_second_server_is_refused_and_a_dead_ones_socket_is_not(
    counter: Counter, socket: str, tmp_path: Path
) -> None:
    with pytest.raises(StartFailure, match="is running at"):
        serve_context(Counter(), socket)
    dead = tmp_path / "dead.sock"
    dead.touch()
    serve_context(Counter(), str(dead)).shutdown()


def test_a_server_that_is_starting_is_waited_for(socket: str) -> None:
    servers = []
    timer = threading.Timer(0.2, lambda: servers.append(serve_context(Counter(), socket)))
    timer.start()
    assert attach_context(socket).add() == 1
    timer.join()
    servers[0].shutdown()


def test_without_a_server_the_way_to_one_is_told(socket: str) -> None:
    with pytest.raises(StartFailure, match="no context server answers") as refusal:
        attach_context(socket, patience=0.1)
    assert "run_context_server" in (refusal.value.hint or "")


@pytest.mark.anyio
async def test_it_is_served_until_cancelled(socket: str) -> None:
    serving = asyncio.create_task(run_context_server(Counter(), socket))
    assert await asyncio.to_thread(lambda: attach_context(socket).add()) == 1
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert not is_there(socket)

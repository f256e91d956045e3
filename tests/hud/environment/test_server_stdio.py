"""Serving over standard input and output, as a client that owns the process sees it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hud.environment.served import LIMIT, environment_variables, program

NOISE = ["import", "initialize", "setup", "tool", "descriptor", "child", "shutdown"]


class Peer:
    """A client of the process that speaks the protocol by hand."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its answer."""
        self.send({"id": 1, "method": method, "params": params})
        assert self.process.stdout is not None
        self.lines.append(self.process.stdout.readline())
        answer: dict[str, Any] = json.loads(self.lines[-1])
        return answer

    def greet(self) -> None:
        """Do the handshake."""
        client = {"name": "peer", "version": "1"}
        self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        self.send({"method": "notifications/initialized"})

    def end(self) -> tuple[str, str]:
        """What else the process writes until it ends: standard output and standard error."""
        return self.process.communicate(timeout=LIMIT)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def peer(request: pytest.FixtureRequest, journal: Path) -> Iterator[Peer]:
    process = subprocess.Popen(
        program(getattr(request, "param", "stdio"), journal),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment_variables(),
    )
    deadline = threading.Timer(2 * LIMIT, process.kill)
    deadline.start()
    try:
        yield Peer(process)
    finally:
        deadline.cancel()
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream
            with contextlib.suppress(BrokenPipeError):
                stream.close()


@pytest.mark.parametrize("peer", ["stdio", "early"], indirect=True)
def test_only_messages_travel_on_the_protocols_streams(peer: Peer, journal: Path) -> None:
    assert peer.process.stdin
    peer.process.stdin.write("this is no message\n")
    peer.greet()
    peer.ask("prompts/get", name="served:echo")
    answer = peer.ask("tools/call", name="shout", arguments={})
    rest, errors = peer.end()
    assert answer["result"]["content"][0]["text"] == "nothing to read"
    assert rest == ""
    assert [word for word in NOISE if f"noise: {word}" not in errors] == []
    assert peer.process.returncode == 0
    assert journal.read_text().split() == ["initialize", "shutdown"]


def test_a_signal_closes_the_scenario_and_shuts_down_once(peer: Peer, journal: Path) -> None:
    peer.greet()
    peer.ask("prompts/get", name="served:tidy")
    peer.process.send_signal(signal.SIGTERM)
    assert peer.process.wait(timeout=LIMIT) == 0
    assert journal.read_text().split() == ["initialize", "tidied", "shutdown"]


def test_a_tool_that_blocks_does_not_keep_shutdown_hooks_from_running(
    peer: Peer, journal: Path, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    peer.greet()
    arguments = {"path": str(started)}
    peer.send(
        {"id": 2, "method": "tools/call", "params": {"name": "block", "arguments": arguments}}
    )
    _until(started.exists)
    peer.process.send_signal(signal.SIGTERM)
    _until(lambda: "shutdown" in journal.read_text())


def test_a_client_that_vanishes_ends_the_process(peer: Peer, journal: Path) -> None:
    peer.greet()
    assert peer.process.stdin
    assert peer.process.stdout
    peer.process.stdout.close()
    peer.process.stdin.close()
    assert peer.process.wait(timeout=LIMIT) == 0
    assert journal.read_text().split() == ["initialize", "shutdown"]


def test_standard_input_may_be_a_file(journal: Path, tmp_path: Path) -> None:
    requests = tmp_path / "requests"
    requests.write_text('{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
    with requests.open() as source:
        ended = subprocess.run(
            program("stdio", journal),
            stdin=source,
            capture_output=True,
            env=environment_variables(),
            timeout=LIMIT,
            check=False,
        )
    assert ended.returncode == 0
    assert journal.read_text().split() == ["initialize", "shutdown"]


def _until(condition: Any) -> None:
    waiting = threading.Event()
    for _ in range(int(LIMIT / 0.02)):
        if condition():
            return
        waiting.wait(0.02)
    raise AssertionError("it did not happen in time")

"""The official conformance suite and the restart probe through `hud dev`, and MCP Inspector."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import conformance
from tests.command import Command
from tests.hud.dev.live import DevServer, hud_dev, source

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SCORED = re.compile(r"^(\S+): scored scenarios (\d+)/(\d+)", re.MULTILINE)
PROBED = re.compile(r"^  (\w[\w, ]*?)  +(?:([\d.]+) s  )?(.*)$", re.MULTILINE)
RESTARTING = Path(__file__).with_name("restarting.py")
SAVE = """
import pathlib, sys
file = pathlib.Path(sys.argv[1])
text = file.read_text()
file.write_text(text.replace('os.environ.get("EXTRA_TOOLS", "")', '"added_by_reload"'))
"""
ERAS = pytest.mark.parametrize("era", ["legacy", "modern"])


@dataclass(frozen=True)
class Answer:
    """What the probe says of one call: how many seconds it took, and how it ended."""

    seconds: float
    text: str


@pytest.fixture(autouse=True, scope="module")
def suite() -> None:
    conformance.require()


def fixture_command(line: str) -> tuple[str, ...]:
    script = conformance.RUNNER / f"fixture_{line}.py"
    return (str(conformance.python(line)), str(script))


def scores(printed: str) -> dict[str, tuple[int, int]]:
    """By revision, how many of the scored scenarios passed, and how many there are."""
    return {name: (int(passed), int(of)) for name, passed, of in SCORED.findall(printed)}


def test_the_newer_sdk_loses_nothing_behind_the_gateway(hud_cli: Command) -> None:
    with hud_dev(hud_cli, "-p", "0", "--", *fixture_command("mcp2"), "{port}") as server:
        ended = conformance.runner("run.py", "--url", server.url)
    assert ended.returncode == 0, ended.stdout
    assert scores(ended.stdout) == {"2025-11-25": (30, 30), "2026-07-28": (37, 37)}


def test_the_older_sdk_loses_nothing_behind_the_gateway(hud_cli: Command) -> None:
    direct = str(hud_cli.cwd / "direct.json")
    conformance.runner("run.py", "--target", "mcp1", "--json", direct)
    with hud_dev(hud_cli, "-p", "0", "--", *fixture_command("mcp1"), "{port}") as server:
        ended = conformance.runner("run.py", "--url", server.url, "--compare", direct)
    assert ended.returncode == 0, ended.stdout
    assert scores(ended.stdout)["2025-11-25"] == (28, 30)


def probed(server: DevServer, era: str, restart: str) -> dict[str, Answer]:
    """What a client sees of a restart, by the probe's words."""
    given = ("--url", server.url, "--restart", restart, "--era", era, "--calls", "0")
    ended = conformance.runner("reload_probe.py", *given)
    lines = PROBED.findall(ended.stdout)
    return {what: Answer(float(seconds or 0), text) for what, seconds, text in lines}


def fine_afterwards(saw: dict[str, Answer]) -> bool:
    calls = ("before", "made while down", "after, call 1", "after, call 2")
    assert all(saw[call].text.startswith("ok") for call in calls), saw
    return (saw["told of change"].text, saw["sees added tool"].text) == ("yes", "True")


@ERAS
def test_a_server_that_is_killed_comes_back_behind_the_same_session(
    hud_cli: Command, era: str
) -> None:
    with (
        restartable(hud_cli) as (url, restart),
        hud_dev(hud_cli, "-p", "0", "--url", url) as server,
    ):
        saw = probed(server, era, restart)
    assert fine_afterwards(saw)
    assert "unknown" in saw["in flight"].text
    assert saw["in flight"].seconds < 0.5 + 1.0


@ERAS
def test_a_save_is_not_noticed_by_calls(hud_cli: Command, era: str) -> None:
    python, script = fixture_command("mcp2")
    copy = hud_cli.cwd / "server.py"
    shutil.copy(script, copy)
    watching = ("-p", "0", "-w", "server.py")
    with hud_dev(hud_cli, *watching, "--", python, "server.py", "{port}") as server:
        saw = probed(server, era, shlex.join([sys.executable, "-c", SAVE, str(copy)]))
    assert fine_afterwards(saw)
    assert saw["in flight"].text.startswith("ok: slept 3")


@contextmanager
def restartable(cli: Command) -> Iterator[tuple[str, str]]:
    """The newer SDK's fixture: its URL, and the command that kills it and starts it again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [str(cli.cwd), str(port)]
    command = [*fixture_command("mcp2"), str(port)]
    subprocess.run([sys.executable, RESTARTING, *words, "", *command], check=True, timeout=60)
    again = [sys.executable, str(RESTARTING), *words, "added_by_reload", *command]
    try:
        yield f"http://localhost:{port}/mcp", shlex.join(again)
    finally:
        os.kill(int((cli.cwd / "server.pid").read_text()), signal.SIGKILL)


def test_the_inspector_lists_and_calls_tools(hud_cli: Command) -> None:
    (hud_cli.cwd / "env.py").write_text(source(7))
    with hud_dev(hud_cli, "env:env", "-p", "0") as server:
        listed = inspect(server, "--method", "tools/list")
        called = inspect(server, "--method", "tools/call", "--tool-name", "version")
    assert "version" in [tool["name"] for tool in listed["tools"]]
    assert called["structuredContent"] == {"result": 7}


def inspect(server: DevServer, *arguments: str) -> Any:
    """What the inspector prints."""
    command = [str(conformance.node()), str(conformance.inspector()), "--cli", server.url]
    ended = subprocess.run(
        [*command, "--transport", "http", *arguments],
        capture_output=True,
        text=True,
        cwd=server.folder,
        timeout=60,
        check=True,
    )
    return json.loads(ended.stdout)

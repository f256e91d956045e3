"""A v4 environment (hubs, setup and evaluate tools, a context server) and its JSON tasks."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import hud
from hud import Environment, Task
from hud.clients import MCPClient
from hud.datasets import load_tasks
from hud.environment.legacy import find_reward
from hud.server.context import attach_context
from hud.types import MCPToolCall
from tests.command import Command
from tests.docker.images import environment_image
from tests.environments.driving import FOLDER, LIMIT, play, variables
from tests.hud.environment.served import free_port, reachable

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

BLANKS = FOLDER / "blanks"
REWARDS = {"fill-both": 1.0, "fill-one": 0.75}


@asynccontextmanager
async def running(*words: str, **more: str) -> AsyncIterator[None]:
    """A Python program in the environment's folder, until the block is left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words), cwd=BLANKS, env=variables() | more
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A context server; its socket."""
    socket = str(tmp_path / "context.sock")
    monkeypatch.setenv("HUD_CTX_SOCK", socket)
    monkeypatch.setenv("BLANKS_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", variables()["PYTHONPATH"])
    async with running("-m", "server.context", HUD_CTX_SOCK=socket):
        yield socket


def tasks(**config: Any) -> list[Task]:
    """The tasks, with their server configured this way."""
    items = load_tasks(BLANKS / "tasks.json", raw=True)
    return [Task(**item | {"mcp_config": {"local": config}}) for item in items]


async def test_its_tasks_are_played_as_they_are_written(
    board: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BLANKS)
    assert await play(load_tasks("tasks.json"), "oracle") == REWARDS
    assert set((await play(load_tasks("tasks.json"), "nop")).values()) == {0.0}


async def test_a_task_of_it_is_evaluated_by_hand(
    board: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BLANKS)
    async with hud.eval(load_tasks("tasks.json"), max_concurrent=1) as ctx:
        assert ctx.prompt == "Write `x` into every square."
        await ctx.call_tool("fill", square="square-1", text="x")
    assert [(result.reward, result.error) for result in ctx.results] == [(0.5, None), (0.75, None)]


async def test_over_http(board: str) -> None:
    port = free_port()
    words = ("-m", "hud", "dev", "server.main", "--port", str(port))
    async with asyncio.timeout(LIMIT), running(*words, HUD_CTX_SOCK=board):
        await reachable(port)
        assert await play(tasks(url=f"http://127.0.0.1:{port}/mcp"), "oracle") == REWARDS


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server object, imported here."""
    monkeypatch.syspath_prepend(str(BLANKS))
    yield importlib.import_module("server.main").mcp
    for name in [name for name in sys.modules if name.partition(".")[0] == "server"]:
        del sys.modules[name]


async def test_in_this_process(board: str, server: Any) -> None:
    async with Environment("near").connect_server(server) as env:
        names = sorted(tool.name for tool in await env.list_tools())
        assert names == ["evaluate_any", "evaluate_filled", "fill", "setup"]
        blank = await env.call_tool("setup", name="blanks", arguments={"count": 4})
        assert blank.text.startswith("4 blank squares")
        await env.call_tool("fill", square="square-4", text="x")
        graded = await env.call_tool("evaluate_filled", text="x")
        assert find_reward(graded) == 0.25
        assert attach_context(board).get_squares()["square-4"] == "x"


async def test_v4s_client_drives_it(board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BLANKS)
    config = load_tasks("tasks.json", raw=True)[0]["mcp_config"]
    client = MCPClient(mcp_config=config)
    await client.initialize()
    try:
        setup = MCPToolCall(name="setup", arguments={"name": "blanks", "arguments": {"count": 1}})
        assert not (await client.call_tool(setup)).isError
        graded = await client.call_tool("evaluate_any", {})
        assert graded.structuredContent == {"result": 0.0}
        assert "fill" in [tool.name for tool in await client.list_tools()]
    finally:
        await client.shutdown()


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


async def test_the_command_serves_a_dotted_module_of_its_folder(
    hud_cli: Command, board: str
) -> None:
    served = hud_cli.within(BLANKS).having(HUD_CTX_SOCK=board)
    ended = await asyncio.to_thread(
        lambda: served("dev", "server.main", "--stdio", stdin=json.dumps(INITIALIZE) + "\n")
    )
    assert json.loads(ended.stdout.splitlines()[0])["result"]["serverInfo"]["name"] == "blanks"


@pytest.mark.docker
async def test_in_a_container(tmp_path: Path) -> None:
    image = await environment_image("blanks")
    run = {"command": "docker", "args": ["run", "--rm", "-i", image]}
    assert await play(tasks(**run), "oracle") == REWARDS
    assert os.listdir(tmp_path) == []

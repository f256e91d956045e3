"""The traps of the original that concern a whole program: each is asserted right.

Answers, hooks, names, filters and results: `tests/hud/environment/test_traps.py`; v4 servers:
`tests/environments/test_v4.py`; private names: `tests/test_published_names.py`.
"""

# hud.eval is a module that can be called, which mypy does not know.

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

import hud
from hud import Environment
from hud.environment.server import protocol_server
from hud.errors import SetupFailure
from hud.native.graders import BashGrader
from hud.tools import AnthropicComputerTool, BashTool, JupyterTool, ReadTool
from tests.command import Command

pytestmark = pytest.mark.anyio

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def hooked(calls: list[str]) -> Environment:
    """An environment whose tools need its initialize hook."""
    env = Environment("hooked")

    @env.initialize
    async def init() -> None:
        calls.append("init")

    @env.shutdown
    async def stop() -> None:
        calls.append("stop")

    @env.scenario()
    async def play(prompt: str = "go") -> Any:
        if prompt == "break":
            raise RuntimeError("no disk")
        answer = yield prompt
        if answer == "break":
            raise RuntimeError("no grader")
        yield float(answer == '{"a": 1}')

    return env


async def test_2_hooks_run_around_an_evaluation_in_process() -> None:
    calls: list[str] = []
    async with hud.eval(hooked(calls)("play")) as ctx:
        assert calls == ["init"]
        await ctx.submit('{"a": 1}')
    assert (calls, ctx.reward) == (["init", "stop"], 1.0)


async def test_2_a_hook_that_was_called_by_hand_before_is_not_run_again() -> None:
    calls: list[str] = []
    env = hooked(calls)
    await env.lifecycle.initializers[0]()
    async with hud.eval(env("play")):
        pass
    assert calls == ["init", "stop"]


async def test_6_grading_that_raises_is_told_and_setup_that_raises_is_raised() -> None:
    async with hud.eval(hooked([])("play")) as ctx:
        await ctx.submit("break")
    assert ctx.reward is None
    assert "RuntimeError: no grader" in str(ctx.error)
    with pytest.raises(SetupFailure, match="RuntimeError: no disk"):
        async with hud.eval(hooked([])("play", prompt="break")):
            pass


async def test_5_a_shells_output_is_whole_and_its_session_is_one() -> None:
    env = Environment("shell")
    env.add_tool(BashTool())
    async with env:
        await env.call_tool("bash", command="cd /; x=1")
        both = await env.call_tool("bash", command="echo $PWD $x; echo oops >&2")
        assert "/ 1" in both.text
        assert "oops" in both.text


async def test_13_a_jupyter_tool_is_added_and_listed() -> None:
    env = Environment("notebook")
    env.add_tool(JupyterTool())
    assert [tool.name for tool in env.as_tools()] == ["jupyter"]


async def test_14_a_picture_is_read_as_a_picture(tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PNG)
    env = Environment("pictures")
    env.add_tool(ReadTool(base_path=str(tmp_path)))
    async with Client(protocol_server(env)) as client:
        (block,) = (await client.call_tool("read", {"filePath": "dot.png"})).content
    assert (block.type, base64.b64decode(getattr(block, "data", ""))) == ("image", PNG)


async def test_14_a_computer_without_a_display_shows_a_picture_and_says_what_it_is() -> None:
    env = Environment("screen")
    env.add_tool(AnthropicComputerTool())
    async with Client(protocol_server(env)) as client:
        (tool,) = (await client.list_tools()).tools
        shown = await client.call_tool("anthropic_computer", {"action": "screenshot"})
    assert tool.name == "anthropic_computer"
    assert {"resolution", "native_tools"} <= set(tool.meta or {})
    assert "image" in [block.type for block in shown.content]


async def test_15_a_graders_command_has_the_path_of_a_login() -> None:
    part = await BashGrader.grade(weight=1.0, command="shopt -q login_shell", timeout_seconds=30)
    assert part.value == 1.0


ENV = """
from hud import Environment

env = Environment("late")

@env.tool()
def look() -> str:
    return "seen"

import tasks

if __name__ == "__main__":
    env.run(transport="stdio")
"""
TASKS = """
from env import env

@env.scenario("late")
async def late():
    print("Seeded 8 items...")
    answer = yield "Say it."
    yield 1.0 if answer == "it" else 0.0

task = late.task()
task.slug = "late"
"""
REQUESTS = [
    {
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    },
    {"method": "prompts/get", "params": {"name": "late:late"}},
    {
        "method": "tools/call",
        "params": {"name": "_hud_submit", "arguments": {"scenario": "late", "answer": "it"}},
    },
    {"method": "resources/read", "params": {"uri": "late:late"}},
]


@pytest.fixture
def late(hud_cli: Command) -> Command:
    """`hud` in the folder of an environment whose scenarios are in a module that it imports."""
    (hud_cli.cwd / "env.py").write_text(ENV)
    (hud_cli.cwd / "tasks.py").write_text(TASKS)
    return hud_cli


def requests() -> str:
    lines = [{"jsonrpc": "2.0", "id": number, **item} for number, item in enumerate(REQUESTS)]
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.mark.parametrize("served", ["program", "command"])
def test_4_and_16_scenarios_of_imported_modules_are_served_and_may_print(
    late: Command, served: str
) -> None:
    program = Command((sys.executable, "env.py"), late.cwd, late.env)
    command = (lambda **o: program(**o)) if served == "program" else _dev(late)
    ended = command(stdin=requests())
    answers = {item["id"]: item for item in map(json.loads, ended.stdout.splitlines())}
    assert json.loads(answers[3]["result"]["contents"][0]["text"])["reward"] == 1.0
    assert "Seeded 8 items" in ended.stderr


def _dev(command: Command) -> Any:
    return lambda **options: command("dev", "env:env", "--stdio", **options)


SCRIPT = """
import asyncio, hud
from hud.datasets import load_tasks

async def main():
    async with hud.eval(load_tasks("tasks.json")) as ctx:
        await ctx.submit("it")
    print(ctx.reward)

asyncio.run(main())
"""


def test_17_everything_works_with_no_key_and_no_network(late: Command) -> None:
    task = {"env": {"name": "late"}, "scenario": "late", "args": {}}
    (late.cwd / "tasks.json").write_text(json.dumps([task, task | {"slug": "again"}]))
    (late.cwd / "script.py").write_text(SCRIPT)
    nowhere = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    ended = Command((sys.executable, "script.py"), late.cwd, late.env).having(**nowhere)()
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "1.0"), ended.stderr

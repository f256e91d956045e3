"""What published environments stumble over; the tests of serving repeat it over every path."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from hud.environment import Environment
from hud.environment.server import protocol_server
from hud.environment.session import Session
from hud.errors import GradingFailure, SetupFailure, ToolError
from hud.server import MCPRouter, MCPServer
from tests.hud.environment.served import LIMIT, build, environment_variables, program

pytestmark = pytest.mark.anyio

JSON_ANSWERS = ['{"content": "x", "citations": []}', '{"a": 1}', "[1, 2]", "null", "42", ""]


@pytest.mark.parametrize("answer", JSON_ANSWERS)
async def test_an_answer_that_looks_like_json_arrives_as_text(answer: str) -> None:
    env = build()
    async with env:
        await env.run_scenario_setup("echo", {})
        await env.submit("echo", answer)
        assert (await env.run_scenario_evaluate("echo")).info["answer"] == answer
        session = Session(env)
        await session.get_prompt("served:echo", {})
        session.submit(answer)
        assert (await session.grade("served:echo")).info["answer"] == answer


async def test_hooks_run_in_process_too_and_once() -> None:
    journal: list[str] = []
    env = build(journal.append)
    async with env, env:
        await env.list_tools()
    assert journal == ["initialize", "shutdown"]


async def test_an_initialize_hook_that_the_author_calls_by_hand_does_not_run_again() -> None:
    env, calls = Environment("by-hand"), []

    @env.initialize
    async def init() -> None:
        calls.append("init")

    await init()
    async with env:
        pass
    assert calls == ["init"]


@pytest.mark.parametrize("parameter", ["ctx", "_ctx", "init_ctx", "whatever", "context=None", ""])
async def test_an_initialize_hook_may_call_its_argument_anything(parameter: str) -> None:
    env, calls = Environment("v4"), list[str]()
    namespace: dict[str, Any] = {"calls": calls}
    exec(f"async def init({parameter}):\n    calls.append('init')", namespace)
    env.initialize(namespace["init"])
    async with env:
        assert calls == ["init"]


async def test_an_initialize_hook_may_look_for_a_progress_token() -> None:
    env, seen = Environment("v4"), []

    @env.initialize
    async def init(ctx: Any) -> None:
        seen.extend(
            [ctx.meta.get("progressToken"), getattr(ctx.meta, "progressToken", None), ctx.session]
        )

    async with env:
        assert seen == [None, None, None]


async def test_a_scenario_that_raises_names_itself_and_its_boundary() -> None:
    session = Session(build())
    with pytest.raises(
        SetupFailure, match="`broken_setup` failed in setup: ValueError: invalid literal"
    ):
        await session.get_prompt("broken_setup", {})
    await session.get_prompt("broken_grade", {})
    with pytest.raises(GradingFailure, match="`broken_grade` failed in grading: AssertionError"):
        await session.grade("broken_grade")


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("my_env_deploy", "my-env-deploy"),
        (" My  Env ", "my-env"),
        ("a.b/c", "abc"),
        ("", "environment"),
    ],
)
def test_names_are_normalised(name: str, normalised: str) -> None:
    assert Environment(name).name == normalised


@pytest.mark.parametrize("scenario", ["echo", "served:echo"])
async def test_a_scenario_is_found_with_and_without_the_environments_name(scenario: str) -> None:
    env = build()
    assert env(scenario, word="x").scenario == "echo"
    async with env:
        assert await env.run_scenario_setup(scenario, {"word": "x"}) == "say 'x' 1 times, then None"


async def test_an_excluded_tool_is_refused_to_agents_but_not_to_the_scenario() -> None:
    env = Environment("exam")

    @env.tool
    def solution() -> str:
        return "42"

    async def exam() -> Any:
        answer = yield "What is it?"
        yield answer == (await env.call_tool("solution")).text

    env.scenario(exam, exclude_tools=["solution"])
    async with env:
        session = Session(env)
        await session.get_prompt("exam", {})
        assert (await session.call_tool("solution", {})).is_error
        assert await session.list_tools() == []
        session.submit("42")
        assert (await session.grade("exam")).reward == 1.0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("fail", {}), "Error calling tool 'fail': RuntimeError: out of paper"),
        (("add", {"a": 1}), "Input validation error"),
        (("missing", {}), "there is no tool `missing`"),
    ],
)
async def test_a_tool_called_by_name_raises_what_a_call_object_would_be_told(
    call: tuple[str, dict[str, Any]], told: str
) -> None:
    async with build() as env:
        with pytest.raises(ToolError, match=told):
            await env.call_tool(call[0], **call[1])


async def test_results_in_process_have_the_same_content_as_over_mcp() -> None:
    env = build()
    async with env, Client(protocol_server(env), mode="legacy") as client:
        for name in ("row", "rows", "nothing"):
            here, there = await env.call_tool(name), await client.call_tool(name)
            assert here.content == there.content
            assert here.structured_content == there.structured_content
        assert (await env.call_tool("row")).text == '{"id":1,"note":null}'


def test_a_task_of_a_plain_environment_is_written_as_json() -> None:
    task = build()("echo", word="x")
    assert json.loads(task.model_dump_json())["env"] == {"name": "served"}


STRICT_CLIENT = """
import asyncio, os, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from pydantic import AnyUrl

async def main(command, *args):
    parameters = StdioServerParameters(command=command, args=args, env=dict(os.environ))
    async with stdio_client(parameters) as streams:
        async with ClientSession(*streams) as session:
            await session.initialize()
            called = [await session.call_tool(name) for name in ("row", "rows", "nothing")]
            print([result.structuredContent for result in called])
            await session.get_prompt("served:echo", {"word": "x"})
            await session.call_tool("_hud_submit", {"scenario": "served:echo", "answer": "x"})
            print((await session.read_resource(AnyUrl("served:echo"))).contents[0].text)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
def test_the_older_strict_client_accepts_every_result(tmp_path: Path) -> None:
    python = _older_library(tmp_path)
    command = [python, "-c", STRICT_CLIENT, *program("stdio", tmp_path / "journal")]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
        env=environment_variables(),
    )
    assert ended.returncode == 0, ended.stderr
    structured, grade = ended.stdout.splitlines()
    assert structured == "[{'id': 1, 'note': None}, {'result': []}, {'result': None}]"
    assert json.loads(grade)["reward"] == 1.0


def _older_library(tmp_path: Path) -> str:
    """An interpreter that has the last release before the current protocol era."""
    subprocess.run(
        [sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=6 * LIMIT
    )
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "mcp==1.30.0"]
    if subprocess.run(install, check=False, timeout=12 * LIMIT, capture_output=True).returncode:
        pytest.skip("needs the package `mcp` 1.30, which cannot be installed here")
    return python


async def test_the_original_server_class_is_an_environment() -> None:
    mcp = MCPServer("my-env")

    @mcp.tool
    def my_tool() -> str:
        return "done"

    assert isinstance(mcp, Environment)
    async with Client(protocol_server(mcp)) as client:
        assert (await client.call_tool("my_tool")).structured_content == {"result": "done"}


async def test_a_router_is_included_and_a_hub_is_mounted() -> None:
    router, hub, mcp = MCPRouter(name="setup"), MCPServer(name="hub"), MCPServer(name="main")
    router.tool(lambda: "board", name="board")
    hub.tool(lambda: "grade", name="grade")
    mcp.include_router(router)
    mcp.mount(hub, prefix="hub")
    async with Client(protocol_server(mcp)) as client:
        assert sorted(tool.name for tool in (await client.list_tools()).tools) == [
            "board",
            "hub_grade",
        ]


def test_the_migration_guides_server_runs(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(
        "from hud.server import MCPServer\n"
        'mcp = MCPServer("my-env")\n'
        "@mcp.tool()\n"
        "def my_tool(): ...\n"
        "mcp.run()\n"
    )
    ended = subprocess.run(
        [sys.executable, str(script)],
        input="",
        capture_output=True,
        text=True,
        timeout=LIMIT,
        env=environment_variables(),
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")

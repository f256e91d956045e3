"""Connections: servers of every kind, and which of their tools are offered under which names."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from fastmcp import FastMCP
from mcp import Client
from mcp.server import MCPServer as LibraryServer
from mcp.server.lowlevel import Server

from hud.environment import ConflictResolution, Environment
from hud.environment.server import http_app, protocol_server
from hud.environment.session import Session
from hud.errors import ConnectionFailure, GradingFailure, SetupFailure, UserError
from tests.command import Command
from tests.hud.environment.served import (
    LIMIT,
    build,
    environment_variables,
    free_port,
    over_http,
    play,
    program,
    reachable,
)

pytestmark = pytest.mark.anyio


def library_server() -> Any:
    server = LibraryServer("library")
    server.add_tool(_double, name="double")
    return server


def fastmcp_server() -> Any:
    server: Any = FastMCP("fast")
    server.tool(_double, name="double")
    return server


def environment() -> Environment:
    env = Environment("other")
    env.tool(_double, name="double")
    return env


def _double(number: int) -> int:
    return 2 * number


async def names(env: Environment) -> list[str]:
    return [tool.name for tool in await env.list_tools()]


@pytest.mark.parametrize("make", [library_server, fastmcp_server, environment])
async def test_a_server_object_of_any_library_can_be_connected(make: Any) -> None:
    env = Environment("main").connect_server(make(), prefix="far")
    for _ in range(2):
        async with env:
            assert await names(env) == ["far_double"]
            assert (await env.call_tool("far_double", number=4)).value == 8


async def test_every_header_arrives_as_it_was_given() -> None:
    seen: list[dict[str, str]] = []
    headers = {"Authorization": "Bearer token", "X-Team": "blue"}
    async with (
        recording(http_app(environment()), seen) as url,
        Environment("main").connect_url(url, headers=headers) as env,
    ):
        assert (await env.call_tool("double", number=1)).value == 2
    assert all(request["authorization"] == "Bearer token" for request in seen)
    assert all(request["x-team"] == "blue" for request in seen)
    assert len(seen) > 2


@asynccontextmanager
async def recording(app: Any, seen: list[dict[str, str]]) -> AsyncIterator[str]:
    async def record(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            seen.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await app(scope, receive, send)

    port = free_port()
    config = uvicorn.Config(record, port=port, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(LIMIT):
        await reachable(port)
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = True
        async with asyncio.timeout(LIMIT):
            await task


async def test_all_servers_of_a_configuration_are_started_and_connected(tmp_path: Path) -> None:
    command, *args = program("stdio", tmp_path / "journal")
    near = {"command": command, "args": args, "env": environment_variables()}
    async with over_http(environment()) as url:
        config = {"mcpServers": {"far": {"url": url}, "near": near}}
        async with Environment("main").connect_mcp_config(config, include=["add", "double"]) as env:
            assert await names(env) == ["double", "add"]
            assert env.source_of("double") == "far"
            assert (await env.call_tool("add", a=1, b=2)).value == 3
    assert (tmp_path / "journal").read_text().split() == ["initialize", "shutdown"]


async def test_one_server_may_be_configured_with_or_without_its_name() -> None:
    async with over_http(environment()) as url:
        for config, name in (({"url": url}, "mcp"), ({"lab": {"url": url}}, "lab")):
            async with Environment("main").connect_mcp(config) as env:
                assert env.source_of("double") == name


def test_several_servers_are_not_one() -> None:
    with pytest.raises(UserError, match="holds 2 MCP servers") as caught:
        Environment("main").connect_mcp({"a": {"url": "http://a"}, "b": {"url": "http://b"}})
    assert "connect_mcp_config" in (caught.value.hint or "")


async def test_a_server_that_cannot_be_reached_is_named() -> None:
    env = Environment("main").connect_url(f"http://127.0.0.1:{free_port()}/mcp", alias="lab")
    with pytest.raises(ConnectionFailure, match="cannot connect to `lab`"):
        await env.__aenter__()
    assert not env.is_connected


async def test_a_command_that_does_not_exist_is_named() -> None:
    env = Environment("main").connect_mcp({"command": "no-such-command"}, alias="lab")
    with pytest.raises(ConnectionFailure, match="cannot connect to `lab`"):
        await env.__aenter__()


async def test_a_command_that_ends_before_it_answers_is_told_with_what_to_run() -> None:
    command = {"command": sys.executable, "args": ["-c", "raise SystemExit('no database')"]}
    env = Environment("main").connect_mcp(command, alias="lab")
    with pytest.raises(ConnectionFailure, match="cannot connect to `lab`") as caught:
        await env.__aenter__()
    assert f"run its command, `{sys.executable}`" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"prefix": "x"}, ["x_add", "x_row"]),
        ({"include": ["add"]}, ["add"]),
        ({"exclude": ["add"]}, ["row"]),
        ({"transform": lambda tool: None if tool.name == "row" else tool}, ["add"]),
        (
            {"transform": lambda tool: tool.model_copy(update={"name": f"my_{tool.name}"})},
            ["my_add", "my_row"],
        ),
    ],
)
async def test_a_connection_says_which_tools_it_offers(
    options: dict[str, Any], expected: list[str]
) -> None:
    other = Environment("other")
    other.tool(lambda: "added", name="add")
    other.tool(lambda: "rowed", name="row")
    async with Environment("main").connect_server(other, **options) as env:
        assert await names(env) == expected
        for name in expected:
            assert (await env.call_tool(name)).text in ("added", "rowed")


def test_an_unknown_option_of_a_connection_is_refused() -> None:
    with pytest.raises(UserError, match="unknown option 'prefx'"):
        Environment("main").connect_url("http://localhost/mcp", prefx="x")


def two_of(resolution: str) -> Environment:
    env = Environment("main", conflict_resolution=resolution)
    for name in ("one", "two"):
        other = Environment(name)
        other.tool(lambda name=name: name, name="who")
        env.connect_server(other)
    return env


@pytest.mark.parametrize(
    ("resolution", "offered", "answer"),
    [
        ("prefix", ["who", "two_who"], "one"),
        ("first_wins", ["who"], "one"),
        ("last_wins", ["who"], "two"),
    ],
)
async def test_a_conflict_is_resolved_as_asked_and_told(
    resolution: str, offered: list[str], answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="hud"):
        async with two_of(resolution) as env:
            assert await names(env) == offered
            assert (await env.call_tool("who")).text == answer
    assert "connection `two` offers the tool `who`, which connection `one` has too" in caplog.text


async def test_a_conflict_may_be_an_error() -> None:
    with pytest.raises(UserError, match="offers the tool `who`"):
        await two_of(ConflictResolution.ERROR).__aenter__()


async def test_a_local_tool_beats_every_connection() -> None:
    env = two_of("last_wins")
    env.tool(lambda: "mine", name="who")
    async with env:
        assert (await env.call_tool("who")).text == "mine"


@pytest.mark.parametrize("scenario", ["echo", "served:echo"])
async def test_a_scenario_of_a_connected_server_is_played(scenario: str) -> None:
    answer = '{"content": "x"}'
    async with over_http(build()) as url, Environment("main").connect_url(url) as env:
        task = env(scenario, word=answer, times=2)
        assert task.scenario
        prompt = await env.run_scenario_setup(task.scenario, task.args or {})
        await env.submit(scenario, answer)
        grade = await env.run_scenario_evaluate(scenario)
    assert prompt == f"say {answer!r} 2 times, then None"
    assert (grade.reward, grade.info) == (1.0, {"answer": answer})


@pytest.mark.parametrize("answer", [None, "", {"a": [1]}, 3])
async def test_a_connected_scenario_receives_any_answer_unchanged(answer: Any) -> None:
    async with over_http(build()) as url, Environment("main").connect_url(url) as env:
        await env.run_scenario_setup("echo", {})
        if answer is not None:
            await env.submit("echo", answer)
        grade = await env.run_scenario_evaluate("echo")
    assert grade.info["answer"] == answer


async def test_a_scenario_of_a_connected_server_keeps_its_tools_from_the_agent() -> None:
    async with over_http(build()) as url, Environment("main").connect_url(url) as env:
        session = Session(env)
        await session.get_prompt("served:guarded", {})
        assert "secret" not in [tool.name for tool in await session.list_tools()]
        assert (await session.call_tool("secret", {})).is_error


async def test_failures_of_a_connected_scenario_keep_their_kind() -> None:
    async with over_http(build()) as url, Environment("main").connect_url(url) as env:
        with pytest.raises(SetupFailure, match="no disk"):
            await env.run_scenario_setup("broken_setup", {})
        await env.run_scenario_setup("broken_grade", {})
        with pytest.raises(GradingFailure, match="the grader is confused"):
            await env.run_scenario_evaluate("broken_grade")


async def test_an_environment_that_connects_another_serves_its_scenarios() -> None:
    async with over_http(build()) as url:
        middle = Environment("middle").connect_url(url)
        async with Client(protocol_server(middle), mode="legacy") as client:
            grade = json.loads(await play(client, '{"content": ""}'))
            prompt = await client.get_prompt("served:echo", {"words": '["a"]', "times": "3"})
    assert grade["info"]["answer"] == '{"content": ""}'
    assert getattr(prompt.messages[0].content, "text", None) == "say '' 3 times, then ['a']"


def shop() -> FastAPI:
    app = FastAPI(title="shop")
    app.state.open = False

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.open = True
        yield
        app.state.open = False

    app.router.lifespan_context = lifespan

    @app.get("/items/{item_id}", operation_id="read_item")
    def read_item(item_id: int, short: bool = False) -> dict[str, Any]:
        return {"id": item_id, "short": short, "open": app.state.open}

    router = APIRouter(prefix="/back", include_in_schema=False)

    @router.get("/staff", operation_id="staff")
    def staff() -> list[str]:
        return ["ann"]

    app.include_router(router)
    return app


@pytest.mark.parametrize(
    ("include_hidden", "expected"), [(True, ["read_item", "staff"]), (False, ["read_item"])]
)
async def test_operations_of_a_fastapi_application_are_tools(
    include_hidden: bool, expected: list[str]
) -> None:
    app = shop()
    env = Environment("main").connect_fastapi(app, include_hidden=include_hidden)
    for _ in range(2):
        async with env:
            assert await names(env) == expected
            result = await env.call_tool("read_item", item_id=3)
            assert result.structured_content == {"id": 3, "short": False, "open": True}
            if include_hidden:
                assert (await env.call_tool("staff")).value == ["ann"]
    assert "staff" not in json.dumps(app.openapi())


@asynccontextmanager
async def shop_over_http() -> AsyncIterator[str]:
    seen: list[dict[str, str]] = []
    async with recording(shop(), seen) as url:
        yield url.removesuffix("/mcp")


async def test_operations_of_an_openapi_document_are_tools(tmp_path: Path) -> None:
    async with shop_over_http() as url:
        document = shop().openapi()
        file = tmp_path / "openapi.json"
        file.write_text(json.dumps(document | {"servers": [{"url": url}]}))
        for spec, base_url in ((document, url), (str(file), None), (json.dumps(document), url)):
            async with Environment("main").connect_openapi(spec, base_url, prefix="shop") as env:
                assert (await env.call_tool("shop_read_item", item_id=3)).value["id"] == 3


async def test_an_openapi_document_is_read_from_the_server_that_it_describes() -> None:
    async with shop_over_http() as url:
        env = await asyncio.to_thread(
            Environment("main").connect_openapi, f"{url}/openapi.json", f"{url}/"
        )
        async with env:
            assert (await env.call_tool("read_item", item_id=3)).value["id"] == 3


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("missing.json", "cannot read the OpenAPI document 'missing.json'"),
        ('{"info": {}}', "no `paths`"),
        ("{", "cannot read the OpenAPI document"),
        ({"paths": {}}, "does not say where the API is"),
    ],
)
def test_an_unusable_openapi_document_is_told_in_one_line(spec: Any, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Environment("main").connect_openapi(spec)


def test_a_missing_library_is_named_with_its_install_command(python: Command) -> None:
    script = """
import sys
sys.modules["fastmcp"] = None
from hud import Environment
from hud.errors import UserError
try:
    Environment("main").connect_openapi({"paths": {}}, "http://localhost")
except UserError as exc:
    print(exc.message, exc.hint, sep="|")
"""
    ended = python.having(PYTHONPATH=os.getcwd())("-c", script)
    assert "through the `fastmcp` library, which is missing" in ended.stdout
    assert "|pip install 'hud-local[openapi]'" in ended.stdout


async def test_results_that_break_their_own_schema_are_taken_as_they_are() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    tool = mcp_types.Tool(name="row", input_schema={"type": "object"}, output_schema=schema)

    async def list_tools(_ctx: Any, _params: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[tool])

    async def call_tool(_ctx: Any, _params: Any) -> mcp_types.CallToolResult:
        return mcp_types.CallToolResult(content=[mcp_types.TextContent(text='{"id": 1}')])

    server = Server("original", on_list_tools=list_tools, on_call_tool=call_tool)
    async with Environment("main").connect_server(server) as env:
        assert (await env.call_tool("row")).text == '{"id": 1}'


async def test_submitting_an_answer_is_not_worth_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with over_http(build()) as url, Environment("main").connect_url(url) as env:
        await env.run_scenario_setup("echo", {})
        await env.submit("echo", "x")
        await env.run_scenario_evaluate("echo")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_server_that_goes_away_is_told_and_nothing_hangs() -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(2 * LIMIT):
        url = await stack.enter_async_context(over_http(build()))
        async with Environment("main").connect_url(url, alias="lab") as env:
            await stack.aclose()
            with pytest.raises(ConnectionFailure, match="`lab` went away during tool `add`"):
                await env.call_tool("add", a=1, b=2)
            with pytest.raises(
                ConnectionFailure, match="`lab` went away during prompt `served:echo`"
            ):
                await env.run_scenario_setup("echo", {})

"""Serving: what clients of either era see, on every transport."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from hud.environment.server import protocol_server
from hud.environment.session import SUBMIT_TOOL, TYPED_ARGUMENTS
from tests.hud.environment.served import PATHS, build, client_over, play

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["legacy", "auto"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with Client(protocol_server(build()), mode=request.param) as client:
        yield client


async def test_tools_are_listed_without_the_hidden_one(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert SUBMIT_TOOL not in tools
    assert tools["add"].description == "Add two numbers."
    assert tools["add"].input_schema["required"] == ["a", "b"]


@pytest.mark.parametrize(
    ("tool", "structured", "texts"),
    [
        ("row", {"id": 1, "note": None}, ['{"id":1,"note":null}']),
        ("rows", {"result": []}, []),
        ("nothing", {"result": None}, []),
    ],
)
async def test_results_carry_structured_content(
    client: Client, tool: str, structured: Any, texts: list[str]
) -> None:
    result = await client.call_tool(tool)
    assert result.structured_content == structured
    assert [getattr(block, "text", None) for block in result.content] == texts


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("fail", {}, "RuntimeError: out of paper"),
        ("add", {"a": 1}, "argument 'b' is missing"),
        ("add", {"a": 1, "b": "x"}, "argument 'b'"),
    ],
)
async def test_what_goes_wrong_in_a_tool_is_a_result(
    client: Client, tool: str, arguments: dict[str, Any], told: str
) -> None:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert told in getattr(result.content[0], "text", "")


async def test_an_unknown_tool_is_an_error_of_the_request(client: Client) -> None:
    with pytest.raises(MCPError, match="Unknown tool: ad") as caught:
        await client.call_tool("ad")
    assert caught.value.code == -32602
    assert "add" in caught.value.data["hint"]


async def test_a_scenario_is_a_prompt_and_a_resource(client: Client) -> None:
    prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
    resources = {resource.uri for resource in (await client.list_resources()).resources}
    assert "served:echo" in prompts
    assert "served:echo" in resources
    assert [argument.name for argument in prompts["served:echo"].arguments or []] == [
        "word",
        "times",
        "words",
    ]


async def test_the_source_of_a_scenario_is_published_nowhere(client: Client) -> None:
    rendered = await client.get_prompt("served:broken_grade")
    listed = [
        await client.list_prompts(),
        await client.list_resources(),
        await client.list_tools(),
        rendered,
    ]
    assert "hunter2" not in "".join(item.model_dump_json() for item in listed)


async def test_arguments_of_prompts_are_read_by_their_types(client: Client) -> None:
    result = await client.get_prompt("served:echo", {"word": "7", "times": "3", "words": '["a"]'})
    assert getattr(result.messages[0].content, "text", None) == "say '7' 3 times, then ['a']"


async def test_typed_arguments_win_over_strings(client: Client) -> None:
    meta: Any = {TYPED_ARGUMENTS: {"word": "null", "words": None}}
    result = await client.get_prompt("served:echo", {"word": "x", "words": "null"}, meta=meta)
    assert getattr(result.messages[0].content, "text", None) == "say 'null' 1 times, then None"


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("served:broken_setup", "SetupFailure", "ValueError: invalid literal"),
        ("served:missing", "UserError", "no scenario or prompt `served:missing`"),
    ],
)
async def test_a_failure_says_what_kind_it_is(
    client: Client, name: str, kind: str, told: str
) -> None:
    with pytest.raises(MCPError, match=told) as caught:
        await client.get_prompt(name)
    assert caught.value.data["kind"] == kind


async def test_grading_without_a_setup_is_an_error_with_the_next_step(client: Client) -> None:
    with pytest.raises(MCPError, match="was not set up") as caught:
        await client.read_resource("served:echo")
    assert caught.value.data == {
        "kind": "GradingFailure",
        "hint": "get the scenario's prompt first",
        "detail": None,
    }


async def test_an_unknown_resource_is_an_error_of_the_request(client: Client) -> None:
    with pytest.raises(MCPError, match="no resource") as caught:
        await client.read_resource("file:///etc/hosts")
    assert caught.value.code == -32602


async def test_what_a_resource_or_prompt_of_the_author_raises_is_told(client: Client) -> None:
    env = build()

    @env.resource("notes://today")
    def notes() -> str:
        raise OSError("no notes")

    async with Client(protocol_server(env)) as other:
        with pytest.raises(MCPError, match="resource `notes://today` failed: OSError: no notes"):
            await other.read_resource("notes://today")


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_keeps_the_answer_and_refuses_an_excluded_tool(
    path: str, tmp_path: Path
) -> None:
    async with client_over(path, build(), tmp_path) as client:
        for answer in ('{"content": "x", "citations": []}', "[1, 2]", "null", "", "plain"):
            grade = json.loads(await play(client, answer))
            assert grade["info"]["answer"] == answer
        await client.get_prompt("served:guarded")
        listed = [tool.name for tool in (await client.list_tools(cache_mode="refresh")).tools]
        result = await client.call_tool("secret")
    assert "secret" not in listed
    assert result.is_error
    assert "42" not in result.model_dump_json()


async def test_the_instructions_are_told() -> None:
    async with Client(protocol_server(build()), mode="legacy") as client:
        assert client.instructions == "Serve well."

"""A connected coding agent plays a scenario with tools that are always listed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mcp import Client

from tests.command import Command
from tests.hud.dev.live import ERAS, DevServer, command_beside, connected, hud_dev, source

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("a server that plays")]

PLAY = {"hud_scenario_list", "hud_scenario_start", "hud_scenario_submit"}
FILTERED = '''

@env.scenario("closed", exclude_tools=["*"])
async def closed():
    """No tools."""
    yield "Do nothing."
    yield 0.5
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with hud_dev(command_beside(tmp_path_factory, source(0, FILTERED)), "-p", "0") as running:
        yield running


async def said(client: Client, tool: str, **arguments: object) -> str:
    result = await client.call_tool(tool, dict(arguments))
    return str(getattr(result.content[0], "text", ""))


async def tools_of(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


@ERAS
async def test_start_play_submit_and_read_the_reward(server: DevServer, era: str) -> None:
    async with connected(server, era) as client:
        assert await tools_of(client) == {"version"} | PLAY
        listed = await said(client, "hud_scenario_list")
        assert listed == "count(word, times?): Count letters.\nclosed(): No tools."
        arguments = {"word": "four", "times": 2}
        task = await said(client, "hud_scenario_start", name="count", arguments=arguments)
        assert task == "How many letters has four?"
        result = await client.call_tool("hud_scenario_submit", {"answer": "8"})
        assert result.structured_content is not None
        assert result.structured_content["reward"] == 1.0
        assert "no scenario is under way" in await said(client, "hud_scenario_submit", answer="8")


async def test_the_tools_stay_whatever_tools_a_scenario_leaves(server: DevServer) -> None:
    async with connected(server, "legacy") as client:
        assert await said(client, "hud_scenario_start", name="closed") == "Do nothing."
        assert await tools_of(client) == PLAY
        assert await said(client, "hud_scenario_submit") == "reward: 0.5"
        assert await tools_of(client) == {"version"} | PLAY


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"name": "nope"}, "there are count, closed"),
        ({"name": "count"}, "argument 'word' is missing"),
        ({"name": "count", "arguments": {"word": 3}}, "word"),
        ({}, "there is no scenario None"),
    ],
)
async def test_a_scenario_that_cannot_be_started_says_why(
    server: DevServer, arguments: dict[str, object], reason: str
) -> None:
    async with connected(server, "legacy") as client:
        result = await client.call_tool("hud_scenario_start", arguments)
        assert result.is_error
        assert reason in getattr(result.content[0], "text", "")


@pytest.mark.parametrize("more", [("--no-play",), ("--host", "127.0.0.1", "--no-play")])
async def test_they_can_be_switched_off(hud_cli: Command, more: tuple[str, ...]) -> None:
    (hud_cli.cwd / "env.py").write_text(source(0))
    with hud_dev(hud_cli, "-p", "0", *more) as server:
        async with connected(server, "legacy") as client:
            assert await tools_of(client) == {"version"}


async def test_an_authors_tool_of_that_name_takes_precedence(hud_cli: Command) -> None:
    own = "\n\n@env.tool()\ndef hud_scenario_start() -> str:\n    return 'mine'\n"
    (hud_cli.cwd / "env.py").write_text(source(0, own))
    with hud_dev(hud_cli, "-p", "0") as server:
        async with connected(server, "legacy") as client:
            assert await said(client, "hud_scenario_start") == "mine"

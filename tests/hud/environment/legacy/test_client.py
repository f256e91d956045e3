"""v4's client, as code for v4 uses it."""

from __future__ import annotations

import pytest

from hud import Environment
from hud.clients import MCPClient
from hud.errors import ConnectionFailure, UserError
from hud.types import MCPToolCall
from tests.hud.environment.served import over_http

pytestmark = pytest.mark.anyio


def adder() -> Environment:
    env = Environment("adder")

    @env.tool()
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    @env.resource("notes://all")
    def notes() -> str:
        return "none"

    return env


async def test_tools_are_called_by_call_and_by_name() -> None:
    async with over_http(adder()) as url, MCPClient({"near": {"url": url}}, verbose=True) as client:
        assert client.is_connected
        assert [tool.name for tool in await client.list_tools()] == ["add"]
        for result in (
            await client.call_tool(MCPToolCall(name="add", arguments={"a": 1})),
            await client.call_tool("add", {"a": 1}),
            await client.call_tool(name="add", arguments={"a": 1}),
        ):
            assert (result.isError, result.structuredContent) == (False, {"result": 2})
        assert (await client.call_tool("add", {})).isError
        assert [str(item.uri) for item in await client.list_resources()] == ["notes://all"]
        (read,) = (await client.read_resource("notes://all")).contents
        assert getattr(read, "text", "") == "none"


async def test_a_client_that_is_not_connected_says_how_to_connect() -> None:
    client = MCPClient()
    with pytest.raises(UserError, match="is not connected"):
        await client.list_tools()
    with pytest.raises(UserError, match="has no `mcp_config`"):
        await client.initialize()
    with pytest.raises(ConnectionFailure):
        await client.initialize({"far": {"url": "http://127.0.0.1:9/mcp"}})
    await client.shutdown()
    assert not client.is_connected

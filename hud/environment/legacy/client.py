"""v4's client: MCP servers by their configuration, and their tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mcp_types

from hud.environment.environment import Environment
from hud.environment.legacy.variables import fill_in
from hud.errors import UserError
from hud.types import MCPToolCall, MCPToolResult

Config = Mapping[str, Mapping[str, Any]]


class MCPClient:
    """Connects the servers of an `mcp_config`, `{name: {"url": …}}` or `{name: {"command": …}}`.

    `async with client:`, or `initialize()` and `shutdown()`.
    """

    def __init__(self, mcp_config: Config | None = None, **options: Any) -> None:
        """Make one; `options` (verbose, auto_trace, …) are accepted and have no effect."""
        self.mcp_config = mcp_config
        self._environment: Environment | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the servers are connected."""
        return self._environment is not None

    async def initialize(self, mcp_config: Config | None = None) -> None:
        """Connect; a client that is connected stays as it is.

        Raises:
            UserError: there is no configuration.
            ConnectionFailure: a server cannot be reached.
        """
        if self._environment is not None:
            return
        self.mcp_config = mcp_config or self.mcp_config
        if not self.mcp_config:
            hint = 'MCPClient(mcp_config={"server": {"url": …}})'
            raise UserError("the client has no `mcp_config`", hint=hint)
        opened = Environment("v4-client").connect_mcp_config(fill_in(dict(self.mcp_config)))
        self._environment = await opened.__aenter__()

    async def shutdown(self) -> None:
        """Disconnect; safe to call more than once."""
        opened, self._environment = self._environment, None
        if opened is not None:
            await opened.__aexit__(None, None, None)

    close = shutdown

    async def __aenter__(self) -> MCPClient:
        await self.initialize()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.shutdown()

    @property
    def _connected(self) -> Environment:
        if self._environment is None:
            raise UserError("the client is not connected", hint="await client.initialize()")
        return self._environment

    async def list_tools(self) -> list[mcp_types.Tool]:
        """The tools of all servers."""
        return await self._connected.list_tools()

    async def call_tool(
        self,
        call: MCPToolCall | str | None = None,
        arguments: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
    ) -> MCPToolResult:
        """Call a tool, by a call or by name and arguments; a failure is a result with `isError`."""
        if not isinstance(call, MCPToolCall):
            call = MCPToolCall(name=call or name or "", arguments=dict(arguments or {}))
        result: MCPToolResult = await self._connected.call_tool(call)
        return result

    async def list_resources(self) -> list[mcp_types.Resource]:
        """The resources of all servers."""
        return await self._connected.list_resources()

    async def read_resource(self, uri: Any) -> mcp_types.ReadResourceResult:
        """Read a resource of a server."""
        return await self._connected.read_resource(str(uri))

"""MCP's requests between a rollout and its isolated environment: JSON-RPC 2.0, one message a line,
over a socket.

The same methods and results as on any MCP connection, without a handshake: both ends are ours, and
started together.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import mcp_types
from pydantic import BaseModel

from hud.environment.session import Connection
from hud.errors import EnvironmentFailure, HudError, LimitReached, describe, error_data, error_from
from hud.runtime.lines import LineProtocol
from hud.types import MCPToolResult

INTERNAL_ERROR = -32603
"""JSON-RPC's code for an error inside the server."""


class _LostError(Exception):
    """The socket ended while a request was waiting."""


class WireConnection:
    """The rollout's end: a `Connection` whose requests travel over the socket."""

    def __init__(self, timeout: float, obituary: Callable[[], Awaitable[HudError]]) -> None:
        """`timeout`: seconds a request may take. `obituary` says why the other end is gone, once it
        is.
        """
        self._timeout = timeout
        self._obituary = obituary
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._next_id = 0
        self.lost = asyncio.Event()
        self.protocol = LineProtocol(self._receive, self._lose)

    def _receive(self, line: bytes) -> None:
        message = json.loads(line)
        future = self._pending.pop(message.get("id"), None)
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(
                error_from(message["error"]["message"], message["error"].get("data"))
            )
        else:
            future.set_result(message["result"])

    def _lose(self) -> None:
        self.lost.set()
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(_LostError())

    async def request(self, method: str, **params: Any) -> Any:
        """Send a request and wait for its result, a bounded time.

        Raises:
            LimitReached: no answer in time.
            HudError: what the other end raised; EnvironmentFailure if it is gone.
        """
        if self.lost.is_set():
            raise await self._obituary()
        self._next_id += 1
        request_id = self._next_id
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = future
        self.protocol.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        try:
            async with asyncio.timeout(self._timeout):
                return await future
        except TimeoutError:
            raise LimitReached(f"`{method}` had no answer within {self._timeout:g} s") from None
        except _LostError:
            raise await self._obituary() from None
        finally:
            self._pending.pop(request_id, None)

    async def list_tools(self) -> list[mcp_types.Tool]:
        return [mcp_types.Tool.model_validate(item) for item in await self.request("tools/list")]

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> MCPToolResult:
        result = await self.request("tools/call", name=name, arguments=dict(arguments))
        return MCPToolResult.model_validate(result)

    async def list_prompts(self) -> list[mcp_types.Prompt]:
        return [
            mcp_types.Prompt.model_validate(item) for item in await self.request("prompts/list")
        ]

    async def get_prompt(
        self, name: str, arguments: Mapping[str, Any]
    ) -> mcp_types.GetPromptResult:
        result = await self.request("prompts/get", name=name, arguments=dict(arguments))
        return mcp_types.GetPromptResult.model_validate(result)

    async def list_resources(self) -> list[mcp_types.Resource]:
        return [
            mcp_types.Resource.model_validate(item) for item in await self.request("resources/list")
        ]

    async def read_resource(self, uri: str) -> mcp_types.ReadResourceResult:
        return mcp_types.ReadResourceResult.model_validate(
            await self.request("resources/read", uri=uri)
        )

    def close(self) -> None:
        """Tell the other end to finish."""
        if self.protocol.transport is not None:
            self.protocol.transport.write_eof()


Opener = Callable[[], Awaitable[Connection]]


class WireServer:
    """The environment's end: answers requests with a connection that is opened at the first one."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._opening: asyncio.Task[Connection] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.finished = asyncio.Event()
        self.protocol = LineProtocol(self._receive, self.finished.set)

    def _receive(self, line: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(json.loads(line)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Mapping[str, Any]) -> None:
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            reply["result"] = await self._dispatch(message["method"], message["params"])
        except HudError as exc:
            reply["error"] = {
                "code": INTERNAL_ERROR,
                "message": exc.message,
                "data": error_data(exc),
            }
        except Exception as exc:  # noqa: BLE001 - the other end must hear of it, whatever it is
            reply["error"] = {"code": INTERNAL_ERROR, "message": describe(exc), "data": None}
        self.protocol.send(reply)

    async def _dispatch(self, method: str, params: Mapping[str, Any]) -> Any:
        connection = await self._connection()
        match method:
            case "tools/list":
                return _dump(await connection.list_tools())
            case "tools/call":
                return _dump(await connection.call_tool(params["name"], params["arguments"]))
            case "prompts/list":
                return _dump(await connection.list_prompts())
            case "prompts/get":
                return _dump(await connection.get_prompt(params["name"], params["arguments"]))
            case "resources/list":
                return _dump(await connection.list_resources())
            case "resources/read":
                return _dump(await connection.read_resource(params["uri"]))
        raise EnvironmentFailure(f"unknown method `{method}`")

    async def _connection(self) -> Connection:
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._opener())
        return await asyncio.shield(self._opening)


def _dump(value: BaseModel | list[Any]) -> Any:
    if isinstance(value, list):
        return [_dump(item) for item in value]
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)

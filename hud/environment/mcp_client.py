"""An MCP server, reached through the official client, as a `Connection`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import mcp_types
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import REQUEST_TIMEOUT
from pydantic import ValidationError

from hud.environment.prompt_arguments import encode_arguments
from hud.environment.registry import error_result
from hud.environment.session import (
    SUBMIT_TOOL,
    TYPED_ARGUMENTS,
    Connection,
    Session,
    StringArguments,
)
from hud.errors import (
    ConnectionFailure,
    GradingFailure,
    HudError,
    LimitReached,
    SetupFailure,
    ToolError,
    error_from,
)
from hud.settings import get_settings
from hud.types import MCPToolResult

GONE = ("Connection closed", "Session terminated")
"""What MCP's client says when the server, or its session there, is gone."""
PAGE_LIMIT = 1000
"""Pages of a listing that are read before a server is taken to be endless."""


class ClientConnection:
    """A `Connection` over an MCP client that is already connected."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self._exact_answers: dict[str, bool] = {}

    async def list_tools(self) -> list[mcp_types.Tool]:
        if self._client.server_capabilities.tools is None:
            return []
        return await self._pages("tools")

    async def list_prompts(self) -> list[mcp_types.Prompt]:
        if self._client.server_capabilities.prompts is None:
            return []
        return await self._pages("prompts")

    async def list_resources(self) -> list[mcp_types.Resource]:
        if self._client.server_capabilities.resources is None:
            return []
        return await self._pages("resources")

    async def _pages(self, what: str) -> list[Any]:
        items: list[Any] = []
        cursor: str | None = None
        for _ in range(PAGE_LIMIT):
            page = await getattr(self._client, f"list_{what}")(cursor=cursor, cache_mode="refresh")
            items += getattr(page, what)
            cursor = page.next_cursor
            if not cursor:
                return items
        raise ConnectionFailure(f"`{self._name}` lists {what} without end")

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> MCPToolResult:
        given = dict(arguments)
        if name == SUBMIT_TOOL:
            given["answer"] = self._wire_answer(given.get("answer"), str(given.get("scenario", "")))
        try:
            result = await self._send_call(name, given)
        except MCPError as exc:
            failure = self._failure(exc, f"tool `{name}`", ToolError)
            if type(failure) is ToolError:
                return error_result(exc.message)
            raise failure from exc
        except ValidationError:
            return error_result(
                f"`{self._name}` answered `{name}` with something that is no tool result"
            )
        except Exception as exc:
            raise ConnectionFailure(
                f"`{self._name}` went away during tool `{name}`: {exc}"
            ) from exc
        return MCPToolResult.model_validate(result.model_dump(by_alias=True))

    async def _send_call(self, name: str, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        """Call a tool, without the library's check of the result against the tool's output schema.

        Servers built with the original SDK leave the structured content out, whatever they promise.
        """
        params = mcp_types.CallToolRequestParams(name=name, arguments=arguments)
        request = mcp_types.CallToolRequest(params=params)
        return await self._client.session.send_request(request, mcp_types.CallToolResult)

    def _wire_answer(self, answer: Any, scenario: str) -> Any:
        """An answer as the server takes it.

        Servers built with the original SDK decode an answer that looks like a JSON object or array,
        and keep only the `content` of an object; wrapping it brings it through unharmed.
        """
        if self._exact_answers.get(scenario.rpartition(":")[2], True):
            return answer
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return json.dumps({"content": text}) if text.lstrip().startswith(("{", "[")) else text

    async def get_prompt(
        self, name: str, arguments: Mapping[str, Any]
    ) -> mcp_types.GetPromptResult:
        meta: Any = (
            None if isinstance(arguments, StringArguments) else {TYPED_ARGUMENTS: dict(arguments)}
        )
        try:
            result = await self._client.get_prompt(name, encode_arguments(arguments), meta=meta)
        except MCPError as exc:
            raise self._failure(exc, f"prompt `{name}`", SetupFailure) from exc
        except Exception as exc:
            raise ConnectionFailure(
                f"`{self._name}` went away during prompt `{name}`: {exc}"
            ) from exc
        self._exact_answers[name.rpartition(":")[2]] = bool(
            (result.meta or {}).get("exact_answers")
        )
        return result

    async def read_resource(self, uri: str) -> mcp_types.ReadResourceResult:
        try:
            return await self._client.read_resource(uri, cache_mode="refresh")
        except MCPError as exc:
            raise self._failure(exc, f"resource `{uri}`", GradingFailure) from exc
        except Exception as exc:
            raise ConnectionFailure(
                f"`{self._name}` went away during resource `{uri}`: {exc}"
            ) from exc

    def _failure(self, exc: MCPError, what: str, otherwise: type[HudError]) -> HudError:
        """The error as the server raised it, where it is ours; else one of the class
        `otherwise`.
        """
        if exc.code == REQUEST_TIMEOUT:
            return LimitReached(f"{what} of `{self._name}` had no answer in time")
        if exc.message in GONE:
            return ConnectionFailure(f"`{self._name}` went away during {what}")
        is_ours = isinstance(exc.data, dict) and "kind" in exc.data
        message = exc.message if is_ours else f"{what} of `{self._name}`: {exc.message}"
        return error_from(message, exc.data, otherwise)


@asynccontextmanager
async def open_server(server: Any, name: str) -> AsyncIterator[Connection]:
    """Connect to anything that `mcp.Client` accepts: a server object, a transport, a URL."""
    timeout = get_settings().client_timeout
    async with Client(server, read_timeout_seconds=timeout) as client:
        yield ClientConnection(client, name)


@asynccontextmanager
async def open_url(
    url: str, headers: Mapping[str, str] | None, name: str
) -> AsyncIterator[Connection]:
    """Connect over Streamable HTTP; every header is sent as given, results may be of any size.

    Speaks the handshake era: scenarios need a session.
    """
    timeout = get_settings().client_timeout
    limits = httpx2.Timeout(timeout, connect=30.0)
    async with (
        httpx2.AsyncClient(headers=dict(headers or {}), timeout=limits) as http,
        Client(
            streamable_http_client(url, http_client=http, max_sse_event_size=None),
            mode="legacy",
            read_timeout_seconds=timeout,
        ) as client,
    ):
        yield ClientConnection(client, name)


@asynccontextmanager
async def open_stdio(
    command: str, args: list[str], env: Mapping[str, str] | None, cwd: str | None, name: str
) -> AsyncIterator[Connection]:
    """Start a command and connect to its standard input and output."""
    parameters = StdioServerParameters(
        command=command, args=args, env=dict(env) if env else None, cwd=cwd
    )
    async with Client(
        stdio_client(parameters), mode="legacy", read_timeout_seconds=get_settings().client_timeout
    ) as client:
        yield ClientConnection(client, name)


@asynccontextmanager
async def open_environment(env: Any) -> AsyncIterator[Connection]:
    """Connect to another environment of this process, without a wire."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(env)
        session = Session(env)
        stack.push_async_callback(session.close)
        yield session

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

from hud.environment.prompt_arguments import encode_arguments
from hud.environment.session import SUBMIT_TOOL, TYPED_ARGUMENTS, Connection, Session, StringArguments
from hud.errors import ConnectionFailure, GradingFailure, HudError, SetupFailure, error_from
from hud.settings import get_settings
from hud.types import MCPToolResult

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
            result = await self._client.call_tool(name, given)
        except MCPError as exc:
            if _is_ours(exc):
                raise error_from(exc.message, exc.data) from exc
            return MCPToolResult.model_validate({"content": [{"type": "text", "text": exc.message}], "isError": True})
        except Exception as exc:
            raise ConnectionFailure(f"`{self._name}` went away during `{name}`: {exc}") from exc
        return MCPToolResult.model_validate(result.model_dump(by_alias=True))

    def _wire_answer(self, answer: Any, scenario: str) -> Any:
        """An answer as the server takes it.

        Servers built with the original SDK decode an answer that looks like a JSON object and keep only its `content`;
        wrapping it brings it through unharmed.
        """
        text = answer if isinstance(answer, str) else json.dumps(answer) if answer is not None else ""
        is_exact = self._exact_answers.get(scenario.rpartition(":")[2], True)
        return text if is_exact or not text.lstrip().startswith("{") else json.dumps({"content": text})

    async def get_prompt(self, name: str, arguments: Mapping[str, Any]) -> mcp_types.GetPromptResult:
        meta: Any = None if isinstance(arguments, StringArguments) else {TYPED_ARGUMENTS: dict(arguments)}
        try:
            result = await self._client.get_prompt(name, encode_arguments(arguments), meta=meta)
        except MCPError as exc:
            raise self._failure(exc, SetupFailure, f"prompt `{name}`") from exc
        except Exception as exc:
            raise ConnectionFailure(f"`{self._name}` went away during setup of `{name}`: {exc}") from exc
        self._exact_answers[name.rpartition(":")[2]] = bool((result.meta or {}).get("exact_answers"))
        return result

    async def read_resource(self, uri: str) -> mcp_types.ReadResourceResult:
        try:
            return await self._client.read_resource(uri, cache_mode="refresh")
        except MCPError as exc:
            raise self._failure(exc, GradingFailure, f"resource `{uri}`") from exc
        except Exception as exc:
            raise ConnectionFailure(f"`{self._name}` went away while reading `{uri}`: {exc}") from exc

    def _failure(self, exc: MCPError, otherwise: type[HudError], what: str) -> HudError:
        """The error as the server raised it, where it is ours; else one of the class `otherwise`."""
        message = exc.message if _is_ours(exc) else f"{what} of `{self._name}`: {exc.message}"
        return error_from(message, exc.data, otherwise)


def _is_ours(exc: MCPError) -> bool:
    return isinstance(exc.data, dict) and "kind" in exc.data


@asynccontextmanager
async def open_server(server: Any, name: str) -> AsyncIterator[Connection]:
    """Connect to anything that `mcp.Client` accepts: a server object, a transport, a URL."""
    timeout = get_settings().client_timeout
    async with Client(server, read_timeout_seconds=timeout) as client:
        yield ClientConnection(client, name)


@asynccontextmanager
async def open_url(url: str, headers: Mapping[str, str] | None, name: str) -> AsyncIterator[Connection]:
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
    parameters = StdioServerParameters(command=command, args=args, env=dict(env) if env else None, cwd=cwd)
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

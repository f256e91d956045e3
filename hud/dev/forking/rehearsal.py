"""Serving once for nobody: what libraries put together at the first request is there before
versions are forked, and not put together anew by each of them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import mcp_types
from starlette.types import ASGIApp, Message, Scope

from hud.dev.forking.serving import http_config
from hud.environment.environment import Environment
from hud.environment.server.http import allowed_callers
from hud.environment.server.protocol import protocol_server
from hud.environment.server.sessions import Limits
from hud.errors import EnvironmentFailure

MODERN = "2026-07-28"
CLIENT = {"name": "rehearsal", "version": "1"}
LISTS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")


def rehearse() -> None:
    """Answer each kind of request once, in both eras.

    Raises:
        EnvironmentFailure: one was refused.
    """
    asyncio.run(_rehearse())


async def _rehearse() -> None:
    env = _environment()
    server = protocol_server(env, Limits(idle_timeout=None))
    app = server.streamable_http_app(transport_security=allowed_callers(""))
    http_config(app).load()
    async with app.router.lifespan_context(app):
        for method in ("server/discover", *LISTS):
            await _ask_modern(app, method)
        await _ask_modern(app, "tools/call", "rehearsal")
        await _ask_legacy(app)


def _environment() -> Environment:
    """An environment that declares what environments declare."""
    env = Environment("rehearsal")

    @env.tool()
    async def rehearsal(text: str = "", number: int = 1) -> int:
        """Return a number.

        Args:
            text: Some text.
            number: What is returned.
        """
        return number + len(text)

    @env.scenario("rehearsal")
    async def play(word: str) -> AsyncGenerator[Any, Any]:
        """Ask for a word."""
        answer = yield f"Say {word}."
        yield 1.0 if answer == word else 0.0

    _ = env.tool_definitions(), env.prompt_definitions()
    return env


async def _ask_modern(app: ASGIApp, method: str, name: str | None = None) -> None:
    meta = {
        mcp_types.PROTOCOL_VERSION_META_KEY: MODERN,
        mcp_types.CLIENT_CAPABILITIES_META_KEY: {},
        mcp_types.CLIENT_INFO_META_KEY: CLIENT,
    }
    params: dict[str, Any] = {"_meta": meta}
    headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
    if name is not None:
        params |= {"name": name, "arguments": {}}
        headers["mcp-name"] = name
    await _post(app, method, params, headers)


async def _ask_legacy(app: ASGIApp) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}
    answered = await _post(app, "initialize", hello, {})
    session = {"mcp-session-id": answered.get(b"mcp-session-id", b"").decode()}
    await _post(app, "tools/call", {"name": "rehearsal", "arguments": {}}, session)


async def _post(
    app: ASGIApp, method: str, params: dict[str, Any], headers: dict[str, str]
) -> dict[bytes, bytes]:
    """Send a request; the headers of its answer.

    Raises:
        EnvironmentFailure: it was refused.
    """
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    own = {
        "host": "localhost",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
    }
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "root_path": "",
        "headers": [(key.encode(), value.encode()) for key, value in (own | headers).items()],
        "client": None,
        "server": None,
    }
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    answered: dict[bytes, bytes] = {}

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] != "http.response.start":
            return
        if message["status"] != 200:
            raise EnvironmentFailure(f"`{method}` was answered with {message['status']}")
        answered.update(message["headers"])

    await app(scope, receive, send)
    return answered

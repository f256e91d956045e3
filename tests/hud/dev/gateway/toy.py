"""An MCP server with nothing behind it: it does what a test needs, and notes what it was told."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODERN = "2026-07-28"
Json = dict[str, Any]
Tool = Callable[["ToyServer", "Visit"], AsyncIterator[bytes]]


def event(message: Json | None, event_id: str | None = None) -> bytes:
    data = json.dumps(message) if message is not None else ""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: message\ndata: {data}\n\n".encode()


@dataclass
class Visit:
    """One `tools/call`."""

    id: Any
    arguments: Json
    meta: Json
    session: str

    def answer(self, text: str, **more: Any) -> Json:
        result = {"content": [{"type": "text", "text": text}], **more}
        return {"jsonrpc": "2.0", "id": self.id, "result": result}


@dataclass
class ToySession:
    hello: Json
    heard: list[Json] = field(default_factory=list)
    """Everything that was sent to it."""
    outbox: list[bytes] = field(default_factory=list)
    """What it says outside of calls."""
    streams: int = 0


class ToyServer:
    """Speaks the older era, and with `is_modern` the newer one too."""

    def __init__(
        self, name: str = "toy", *, is_modern: bool = False, tools: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.is_modern = is_modern
        self.behaviour: dict[str, Tool] = {}
        self.tools: list[Json] = [self.tool("echo"), *map(self.tool, tools)]
        self.sessions: dict[str, ToySession] = {}
        self.deleted: list[str] = []
        self.seen: list[tuple[str, Json]] = []
        """Method and headers of every POST."""
        self.calls: list[str] = []
        """Names of the tools that were called."""
        self.get_status = 200
        self.resumed: dict[str, bytes] = {}
        """What a stream goes on with, by the id after which it is resumed."""
        self.released = anyio.Event()
        self.changed = anyio.Event()
        self.listening = 0
        self._ids = itertools.count(1)
        self.app = Starlette(routes=[Route("/mcp", self.serve, methods=["GET", "POST", "DELETE"])])

    @staticmethod
    def tool(name: str, **annotations: bool) -> Json:
        schema = {"type": "object", "x-vendor": "kept"}
        return {"name": name, "inputSchema": schema, "annotations": annotations, "x-unknown": 7}

    def add(self, name: str, behaviour: Tool, **annotations: bool) -> None:
        """Offer a tool that answers with a stream of its own making."""
        self.tools.append(self.tool(name, **annotations))
        self.behaviour[name] = behaviour

    @property
    def clients(self) -> list[ToySession]:
        """The sessions of test clients, not the gateway's own."""
        named = ("test", "mcp")
        return [
            session
            for session in self.sessions.values()
            if session.hello["params"]["clientInfo"]["name"] in named
        ]

    def note(self) -> None:
        """Wake whoever waits for something to have happened."""
        self.changed.set()
        self.changed = anyio.Event()

    async def until(self, condition: Callable[[], object]) -> None:
        with anyio.fail_after(5):
            while not condition():
                await self.changed.wait()

    async def serve(self, request: Request) -> Response:
        session_id = request.headers.get("mcp-session-id", "")
        if request.method == "DELETE":
            self.sessions.pop(session_id, None)
            self.deleted.append(session_id)
            self.note()
            return Response(status_code=200)
        if request.method == "GET":
            return self.stream(request, session_id)
        message = await request.json()
        self.seen.append((message.get("method", ""), dict(request.headers)))
        self.note()
        if request.headers.get("mcp-protocol-version") == MODERN:
            return self.modern(message)
        return self.legacy(message, session_id)

    def legacy(self, message: Json, session_id: str) -> Response:
        if message.get("method") == "initialize":
            session_id = f"{self.name}-{next(self._ids)}"
            self.sessions[session_id] = ToySession(message)
            result = {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}, "logging": {}, "resources": {"subscribe": True}},
                "serverInfo": {"name": self.name, "version": "1", "x-vendor": "kept"},
            }
            return reply(message, result, {"mcp-session-id": session_id})
        if (session := self.sessions.get(session_id)) is None:
            error = {"code": -32600, "message": "Session not found"}
            body = {"jsonrpc": "2.0", "id": None, "error": error}
            return JSONResponse(body, status_code=404 if session_id else 400)
        session.heard.append(message)
        self.note()
        if "id" not in message or "method" not in message:
            return Response(status_code=202)
        return self.answer(message, session_id)

    def modern(self, message: Json) -> Response:
        if not self.is_modern:
            return JSONResponse({"error": "which version?"}, status_code=400)
        if message["method"] == "server/discover":
            capabilities: Json = {"tools": {}}
            return reply(
                message,
                {"supportedVersions": [MODERN], "capabilities": capabilities, "ttlMs": 9000},
            )
        if message["method"] == "subscriptions/listen":
            return StreamingResponse(self.listen(message), media_type="text/event-stream")
        return self.answer(message, "")

    def answer(self, message: Json, session_id: str) -> Response:
        method, params = message["method"], message.get("params", {})
        if method == "tools/list":
            return reply(message, {"tools": self.tools, "ttlMs": 9000, "x-unknown": [1]})
        if method == "resources/list":
            return reply(message, {"resources": []})
        if method != "tools/call":
            return reply(message, {})
        self.calls.append(params["name"])
        self.note()
        visit = Visit(
            message["id"], params.get("arguments", {}), params.get("_meta", {}), session_id
        )
        if (behaviour := self.behaviour.get(params["name"])) is not None:
            return StreamingResponse(behaviour(self, visit), media_type="text/event-stream")
        return JSONResponse(
            visit.answer(f"{self.name}: {json.dumps(visit.arguments)}", **{"x-vendor": 1})
        )

    def stream(self, request: Request, session_id: str) -> Response:
        if session_id not in self.sessions:
            return Response(status_code=404)
        if (resumed := self.resumed.get(request.headers.get("last-event-id", ""))) is not None:
            return Response(resumed, media_type="text/event-stream")
        if self.get_status != 200:
            return Response(status_code=self.get_status)
        return StreamingResponse(
            self.say(self.sessions[session_id]), media_type="text/event-stream"
        )

    async def say(self, session: ToySession) -> AsyncIterator[bytes]:
        session.streams += 1
        self.note()
        try:
            yield b": hello\n\n"
            while True:
                while session.outbox:
                    yield session.outbox.pop(0)
                await self.changed.wait()
        finally:
            session.streams -= 1
            self.note()

    async def listen(self, message: Json) -> AsyncIterator[bytes]:
        self.listening += 1
        self.note()
        meta = {"io.modelcontextprotocol/subscriptionId": message["id"]}
        params = {"notifications": {"toolsListChanged": True}, "_meta": meta}
        method = "notifications/subscriptions/acknowledged"
        try:
            yield event({"jsonrpc": "2.0", "method": method, "params": params})
            await anyio.sleep_forever()
        finally:
            self.listening -= 1
            self.note()


def reply(message: Json, result: Json, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result}, headers=headers)


async def hang(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
    """Answer once the server is released."""
    yield b": working\n\n"
    await server.released.wait()
    yield event(visit.answer(f"{server.name}: released"))


async def vanish(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
    """End the stream properly, but without an answer."""
    yield b": working\n\n"


async def park(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
    """End the stream, for the client to resume it."""
    event_id = f"{server.name}-parked"
    server.resumed[event_id] = event(visit.answer(f"{server.name}: resumed"))
    yield event(None, event_id)


async def report(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
    """Report progress, with a field that nobody knows."""
    for done in (1, 2):
        params = {"progressToken": visit.meta["progressToken"], "progress": done, "x-unknown": True}
        yield event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
    yield event(visit.answer("reported"))


async def ask(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
    """Ask the client something on the call's own stream."""
    session = server.sessions[visit.session]
    params = {"message": "Your name?", "requestedSchema": {"type": "object"}}
    yield event({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": params})
    await server.until(lambda: any("result" in told and told["id"] == 1 for told in session.heard))
    told = next(told for told in session.heard if "result" in told)
    yield event(visit.answer(f"{server.name}: {json.dumps(told['result'])}"))


async def wait_for_cancel(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
    """Answer when the client cancels."""
    session = server.sessions[visit.session]
    yield b": working\n\n"
    await server.until(lambda: [told for told in session.heard if "cancelled" in str(told)])
    error = {"code": -32800, "message": "cancelled by the server"}
    yield event({"jsonrpc": "2.0", "id": visit.id, "error": error})


async def large(server: ToyServer, visit: Visit) -> AsyncIterator[bytes]:
    """Answer with as many bytes as asked for."""
    yield event(visit.answer("x" * visit.arguments["size"]))

"""A server that fails on purpose: it resets, answers half, drips or hangs, where it is told to."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from tests.hud.dev.gateway.toy import Json

Fault = Literal[
    "reset", "close", "half head", "half body", "half stream", "drip", "hang", "nonsense"
]


@dataclass
class Faulty:
    """Behaves well until a method comes for which it has a fault."""

    port: int = 0
    fault: Fault | None = None
    method: str = ""
    """The method whose requests fail."""
    failures: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def fail(self, method: str, fault: Fault | None) -> None:
        self.method, self.fault = method, fault

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = head.partition(b"content-length:")[2].split(b"\r\n")[0].strip()
        message = json.loads(await reader.readexactly(int(size))) if size else {}
        method = "GET" if head.startswith(b"get") else message.get("method", "")
        if self.fault is not None and method == self.method:
            self.failures += 1
            await self._fail(writer, message)
            return False
        writer.write(_answer(method, message))
        await writer.drain()
        return True

    async def _fail(self, writer: asyncio.StreamWriter, message: Json) -> None:
        match self.fault:
            case "reset":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
            case "half head":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-ty")
            case "half body":
                writer.write(_answer("tools/call", message)[:-5])
            case "half stream":
                writer.write(_stream_head() + _chunk(b'event: message\ndata: {"jsonrpc"'))
            case "nonsense":
                writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
            case "drip":
                await self._drip(writer, message)
            case "hang":
                await asyncio.sleep(60)

    async def _drip(self, writer: asyncio.StreamWriter, message: Json) -> None:
        writer.write(_stream_head())
        for byte in b"event: message\ndata: " + json.dumps(message).encode() * 100:
            writer.write(_chunk(bytes([byte])))
            await writer.drain()
            await asyncio.sleep(0.02)


def _answer(method: str, message: Json) -> bytes:
    if "id" not in message:
        return b"HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n" if method == "GET" else _accepted()
    result: Json = {"content": [{"type": "text", "text": "fine"}]}
    if method == "initialize":
        version = message["params"]["protocolVersion"]
        offered: Json = {"tools": {}, "prompts": {}, "resources": {}}
        result = {"protocolVersion": version, "capabilities": offered, "serverInfo": {}}
    elif method == "tools/list":
        result = {"tools": [{"name": "echo", "inputSchema": {}}]}
    elif method.endswith("/list"):
        result = {method.partition("/")[0]: []}
    elif method == "server/discover":
        error = {"code": -32601, "message": "no"}
        return _document({"jsonrpc": "2.0", "id": message["id"], "error": error})
    return _document({"jsonrpc": "2.0", "id": message["id"], "result": result})


def _accepted() -> bytes:
    return b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"


def _document(content: Json) -> bytes:
    body = json.dumps(content).encode()
    head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: faulty\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _stream_head() -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    return head + b"transfer-encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@asynccontextmanager
async def faulty() -> AsyncIterator[Faulty]:
    """Serve it until the block ends."""
    behaviour = Faulty()
    server = await asyncio.start_server(behaviour.serve, "127.0.0.1", 0)
    behaviour.port = server.sockets[0].getsockname()[1]
    try:
        yield behaviour
    finally:
        server.close()
        for task in asyncio.all_tasks():
            if "Faulty.serve" in repr(task.get_coro()):
                task.cancel()

"""MCP's HTTP as bytes: clients so cheap that what they measure is the server."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from typing import Any

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}
ACCEPT = "application/json, text/event-stream"


def message(method: str, params: dict[str, Any] | None = None, *, number: int | None = 1) -> bytes:
    """A request, or a notification where it has no number."""
    content = {"jsonrpc": "2.0", "method": method, "params": params or {}}
    return json.dumps(content if number is None else {**content, "id": number}).encode()


def call(tool: str) -> bytes:
    """A call of a tool without arguments."""
    return message("tools/call", {"name": tool, "arguments": {}})


class Blocking:
    """A client that asks one thing at a time, and begins anew when it is thrown out."""

    def __init__(self, port: int, path: str = "/mcp") -> None:
        self._port = port
        self._path = path
        self._session: str | None = None
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, body: bytes) -> bytes | None:
        """The answer's bytes; None if there is none now."""
        try:
            if self._session is None:
                self._open()
            status, answer = self._post(body)
        except (OSError, http.client.HTTPException):
            self.close()
            return None
        if status != 200:
            self.close()
            return None
        return answer

    def until(self, sign: bytes, body: bytes, seconds: float) -> tuple[float, float] | None:
        """Ask until the answer holds the sign: seconds until then, and the longest time without any
        answer; None if it never comes.
        """
        started = answered = time.perf_counter()
        silence = 0.0
        while (now := time.perf_counter()) - started < seconds:
            answer = self.ask(body)
            if answer is not None:
                silence = max(silence, time.perf_counter() - answered)
                answered = time.perf_counter()
                if sign in answer:
                    return answered - started, silence
            time.sleep(0.002)
        del now
        return None

    def close(self) -> None:
        """Forget the session."""
        self._session = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> None:
        self._session = ""
        self._post(message("initialize", HELLO))
        self._post(message("notifications/initialized", number=None))

    def _post(self, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        headers = {"Accept": ACCEPT, "Content-Type": "application/json"}
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        self._connection.request("POST", self._path, body, headers)
        response = self._connection.getresponse()
        self._session = response.getheader("Mcp-Session-Id") or self._session
        return response.status, response.read()


class Quick:
    """A client that costs next to nothing; it knows no faults."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._head = b""

    async def open(self) -> None:
        """Connect and begin a session."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        head, _ = await self._post(message("initialize", HELLO), b"")
        lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"mcp-session-id")]
        self._head = lines[0] + b"\r\n" if lines else b""
        await self._post(message("notifications/initialized", number=None), self._head)

    async def ask(self, body: bytes) -> bytes:
        """The answer's body."""
        return (await self._post(body, self._head))[1]

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()

    async def _post(self, body: bytes, extra: bytes) -> tuple[bytes, bytes]:
        self._writer.write(
            b"POST /mcp HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json\r\n"
            b"Accept: %s\r\nContent-Length: %d\r\n%s\r\n%s"
            % (self._port, ACCEPT.encode(), len(body), extra, body)
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return head, await self._chunks()
        length = lower.partition(b"content-length:")[2].split(b"\r\n")[0]
        return head, await self._reader.readexactly(int(length or 0))

    async def _chunks(self) -> bytes:
        pieces = []
        while size := int(await self._reader.readline(), 16):
            pieces.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readline()
        return b"".join(pieces)

"""The gateway for a client at the other end of standard input and output: a message a line, in
either era.

Each line becomes a request to the gateway's application, without a network between them; what it
answers, and what the
stream of notices brings, goes out line by line.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from hud.dev.gateway.modern.envelope import NAMED_BY
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.protocol.messages import RequestId
from hud.dev.gateway.upstreams.channel import (
    META_VERSION,
    METHOD,
    NAME,
    OWN_HEADERS,
    SESSION,
    VERSION,
)
from hud.dev.gateway.upstreams.upstream import Headers, header
from hud.dev.streams import read_lines

LARGEST_EVENT = 128 * 1024 * 1024
REOPEN_SECONDS = 0.5
"""Pause before a stream of notices that ended is opened again."""
LAST_SECONDS = 5.0
"""How long answers under way may take when the client closes its end."""


async def serve_stdio(app: ASGIApp, source: int, sink: int) -> None:
    """Serve the client on these descriptors until it closes its end."""
    writer = _Writer(sink)
    client = _Client(app, writer.write)
    writing = asyncio.create_task(writer.run())
    try:
        async for line in read_lines(source):
            if line.strip():
                await client.receive(line)
        await client.finish()
    finally:
        client.close()
        await writer.flush()
        writing.cancel()


class _Client:
    """The client's conversation with the gateway."""

    def __init__(self, app: ASGIApp, write: Callable[[bytes], None]) -> None:
        self._app = app
        self._write = write
        self._session: bytes | None = None
        self._version: bytes | None = None
        self._asked: dict[RequestId, _Request] = {}
        self._modern: set[RequestId] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._notices: asyncio.Task[None] | None = None

    async def receive(self, line: bytes) -> None:
        """Pass a line on; returns when the order of what follows cannot matter any more."""
        try:
            message = messages.read_message(line)
        except messages.MalformedMessage as exc:
            self._write(messages.error(None, exc.code, str(exc)))
            return
        cancelled = message.params.get("requestId")
        if message.method == "notifications/cancelled" and cancelled in self._modern:
            self._asked[cancelled].leave()
        elif message.kind == "request" and message.method != "initialize":
            self._start(self._ask(message))
        elif message.kind == "request":
            await self._initialize(message)
        else:
            await _Request(self._app, "POST", self._headers(message), line).finished()
            if message.method == "notifications/initialized" and self._notices is None:
                self._notices = self._start(self._follow())

    async def finish(self) -> None:
        """Wait for the answers under way, not for the stream of notices."""
        if self._notices is not None:
            self._notices.cancel()
        under_way = self._tasks - {self._notices}
        if under_way:
            await asyncio.wait(under_way, timeout=LAST_SECONDS)

    def close(self) -> None:
        """End everything."""
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _initialize(self, message: messages.Message) -> None:
        request = _Request(self._app, "POST", self._headers(message), message.body)
        async for answer in request.messages():
            self._write(answer)
            result = messages.read_message(answer).content.get("result")
            if isinstance(result, dict) and isinstance(result.get("protocolVersion"), str):
                self._version = result["protocolVersion"].encode()
        self._session = header(request.headers, SESSION)

    async def _ask(self, message: messages.Message) -> None:
        assert message.id is not None
        request = _Request(self._app, "POST", self._headers(message), message.body)
        self._asked[message.id] = request
        if _modern_version(message) is not None:
            self._modern.add(message.id)
        try:
            is_answered = False
            async for answer in request.messages():
                self._write(answer)
                is_answered |= messages.read_message(answer).kind == "response"
            if not is_answered and not request.was_left:
                reason = request.reason()
                self._write(messages.error(message.id, messages.CONNECTION_LOST, reason))
        finally:
            self._asked.pop(message.id, None)
            self._modern.discard(message.id)

    async def _follow(self) -> None:
        """Pass on what belongs to no request."""
        while True:
            headers: Headers = [(b"accept", sse.MEDIA_TYPE), *self._of_session()]
            async for notice in _Request(self._app, "GET", headers).messages():
                self._write(notice)
            await asyncio.sleep(REOPEN_SECONDS)

    def _headers(self, message: messages.Message) -> Headers:
        version = _modern_version(message)
        if version is None:
            return [*OWN_HEADERS, *self._of_session()]
        headers = [*OWN_HEADERS, (VERSION, version), (METHOD, message.method.encode())]
        name = message.params.get(NAMED_BY.get(message.method, ""))
        return [*headers, (NAME, _header_value(name))] if isinstance(name, str) else headers

    def _of_session(self) -> Headers:
        headers: Headers = []
        if self._session is not None:
            headers.append((SESSION, self._session))
        if self._version is not None:
            headers.append((VERSION, self._version))
        return headers


def _modern_version(message: messages.Message) -> bytes | None:
    """The version that a message of the newer era names."""
    meta = message.params.get("_meta")
    version = meta.get(META_VERSION) if isinstance(meta, dict) else None
    return version.encode() if isinstance(version, str) else None


def _header_value(text: str) -> bytes:
    """A name as a header can carry it."""
    if text.isascii() and text.isprintable() and text == text.strip():
        return text.encode()
    return b"=?base64?" + base64.b64encode(text.encode()) + b"?="


class _Request:
    """One request to the application, and its answer piece by piece."""

    def __init__(self, app: ASGIApp, method: str, headers: Headers, body: bytes = b"") -> None:
        self.status = 0
        self.headers: Headers = []
        self.was_left = False
        self._app = app
        self._scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": "/mcp",
            "raw_path": b"/mcp",
            "query_string": b"",
            "root_path": "",
            "headers": [
                (b"host", b"localhost"),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ],
            "client": None,
            "server": None,
        }
        self._body: bytes | None = body
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._left = asyncio.Event()
        self._rest = b""

    def leave(self) -> None:
        """Be gone, as a client is that closes its connection."""
        self.was_left = True
        self._left.set()

    def reason(self) -> str:
        """What to say where no answer came."""
        return self._rest.decode(errors="replace")[:500] or f"no answer (HTTP {self.status})"

    async def finished(self) -> None:
        """Send it; what is answered does not matter."""
        async for _ in self.messages():
            pass

    async def messages(self) -> AsyncIterator[bytes]:
        """Send it; the messages of the answer, each on one line."""
        running = asyncio.create_task(self._run())
        cutter = sse.EventCutter(LARGEST_EVENT)
        document: list[bytes] = []
        try:
            while (piece := await self._pieces.get()) is not None:
                if not self._is_stream():
                    document.append(piece)
                    continue
                for event in cutter.feed(piece):
                    if event.data:
                        yield _one_line(event.data)
            self._rest = b"".join(document)
            with contextlib.suppress(messages.MalformedMessage):
                messages.read_message(self._rest)
                yield _one_line(self._rest)
        finally:
            self._left.set()
            if not running.done():
                running.cancel()
            await asyncio.wait({running})

    def _is_stream(self) -> bool:
        kind = header(self.headers, b"content-type") or b""
        return kind.startswith(sse.MEDIA_TYPE)

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        finally:
            self._pieces.put_nowait(None)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        elif message.get("body"):
            self._pieces.put_nowait(message["body"])


def _one_line(body: bytes) -> bytes:
    if b"\n" not in body and b"\r" not in body:
        return body
    return messages.dump(messages.read_message(body).content)


class _Writer:
    """Writes lines to a descriptor, in order, without holding anybody up."""

    def __init__(self, sink: int) -> None:
        self._sink = sink
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, line: bytes) -> None:
        """Write a line soon."""
        self._lines.put_nowait(line + b"\n")

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            line = await self._lines.get()
            with contextlib.suppress(BrokenPipeError):
                await asyncio.to_thread(_write_all, self._sink, line)
            self._lines.task_done()

    async def flush(self) -> None:
        """Wait, not long, until everything is written."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self._lines.join()


def _write_all(sink: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]

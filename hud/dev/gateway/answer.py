"""The client's side of one request: a document or a stream of events, begun once and ended once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import anyio
from starlette.types import Send

from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.protocol.messages import Message
from hud.dev.gateway.upstreams.upstream import Headers

JSON_HEADERS: Headers = [(b"content-type", b"application/json")]

_NOT_PASSED_BACK = frozenset(
    b"connection content-length date keep-alive mcp-session-id proxy-authenticate proxy-connection "
    b"server set-cookie te trailer transfer-encoding upgrade location".split()
)


class Answer(Protocol):
    """Where the answer to one request goes."""

    @property
    def is_streaming(self) -> bool:
        """Whether it has begun as a stream of events."""

    async def document(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer with one message; within a stream that has begun, as its last event."""

    async def begin(self, headers: Headers) -> None:
        """Answer with a stream of events; once begun, it goes on."""

    async def event(self, raw: bytes) -> None:
        """Send an event."""

    async def end(self, last: bytes = b"") -> None:
        """End the stream, after a last event."""


def passed_back(headers: Headers) -> Headers:
    """The headers of an upstream's answer that a client may see: no cookies, redirects or CORS."""
    return [
        pair
        for pair in headers
        if pair[0] not in _NOT_PASSED_BACK and not pair[0].startswith(b"access-control-")
    ]


class HttpAnswer:
    """An answer over ASGI."""

    def __init__(self, send: Send, own_headers: Headers | None = None) -> None:
        self._send = send
        self._own_headers = own_headers or []
        self._is_streaming = False
        self.is_done = False

    @property
    def is_streaming(self) -> bool:
        """Whether it has begun as a stream of events."""
        return self._is_streaming

    async def document(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer with one message; within a stream that has begun, as its last event."""
        if self._is_streaming:
            await self.end(sse.write_event(body.replace(b"\r", b" ").replace(b"\n", b" ")))
            return
        size = (b"content-length", b"%d" % len(body))
        await self._head(status, [*headers, size])
        await self._body(body, last=True)

    async def begin(self, headers: Headers) -> None:
        """Answer with a stream of events; once begun, it goes on."""
        if not self._is_streaming:
            self._is_streaming = True
            await self._head(200, headers)

    async def event(self, raw: bytes) -> None:
        """Send an event."""
        await self._body(raw, last=False)

    async def end(self, last: bytes = b"") -> None:
        """End the stream, after a last event."""
        await self._body(last, last=True)

    async def _head(self, status: int, headers: Headers) -> None:
        start = {"type": "http.response.start", "status": status}
        await self._send({**start, "headers": [*headers, *self._own_headers]})

    async def _body(self, body: bytes, *, last: bool) -> None:
        self.is_done = self.is_done or last
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})


async def refuse(answer: Answer, status: int, body: bytes, headers: Headers | None = None) -> None:
    """Answer with an error message and an HTTP status."""
    await answer.document(status, [*JSON_HEADERS, *(headers or [])], body)


async def reject(answer: Answer, status: int, reason: str, headers: Headers | None = None) -> None:
    """Refuse a request that was not read as a message, so that it has no id."""
    await refuse(answer, status, messages.error(None, messages.INVALID_REQUEST, reason), headers)


@dataclass(frozen=True)
class Done:
    """The end of a call: an HTTP status, headers and the answer."""

    status: int
    headers: Headers
    body: bytes


class Mailbox:
    """What becomes of a call at the upstream, for whoever asks: notes, questions, and the end."""

    def __init__(self) -> None:
        self._items: list[Message | Done] = []
        self._arrived = anyio.Event()
        self._is_streaming = False

    @property
    def is_streaming(self) -> bool:
        """Whether the upstream answers with a stream."""
        return self._is_streaming

    async def document(self, status: int, headers: Headers, body: bytes) -> None:
        """Take the whole answer."""
        self.put(Done(status, headers, body))

    async def begin(self, headers: Headers) -> None:
        """Note that a stream follows."""
        self._is_streaming = True

    async def event(self, raw: bytes) -> None:
        """Take an event."""
        self.take_event(raw)

    async def end(self, last: bytes = b"") -> None:
        """Take the last event."""
        if last:
            self.take_event(last)

    def take_event(self, raw: bytes) -> None:
        """Take a note, a question or the answer out of an event."""
        try:
            message = messages.read_message(sse.read_event(raw).data or b"[]")
        except messages.MalformedMessage:
            return
        if message.kind == "response":
            self.put(Done(200, JSON_HEADERS, message.body))
        elif message.kind != "batch":
            self.put(message)

    def put(self, item: Message | Done) -> None:
        """Add something that happened."""
        self._items.append(item)
        self._arrived.set()

    async def take(self) -> Message | Done:
        """The next thing that happens."""
        while not self._items:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return self._items.pop(0)

    async def end_of_call(self) -> Done:
        """The end, once it is there; what came before it is dropped."""
        while not isinstance(item := await self.take(), Done):
            pass
        return item

    def take_questions(self) -> list[Message]:
        """The questions that have arrived already."""
        asked = [
            item for item in self._items if isinstance(item, Message) and item.kind == "request"
        ]
        self._items = [item for item in self._items if item not in asked]
        return asked

"""Passing an upstream's answer on as it comes, and knowing when the client has what it is owed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hud.dev.gateway.answer import JSON_HEADERS, Answer, passed_back
from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.protocol.messages import JsonObject, Message, RequestId
from hud.dev.gateway.sessions import Parked, Session
from hud.dev.gateway.upstreams.channel import SESSION, Channel
from hud.dev.gateway.upstreams.upstream import (
    Headers,
    Interrupted,
    Outgoing,
    Reply,
    header,
    media_type,
)

LARGEST_EVENT = 1024 * 1024
"""What every client takes in one event; an answer beyond it goes out as a document if it can."""

Inspect = Callable[[JsonObject], bool]


class Forgotten(Exception):
    """The upstream does not know the session; the request was refused."""


@dataclass(frozen=True)
class Call:
    """What a client sent."""

    message: Message
    headers: Headers
    """The client's headers that go on to the environment."""
    inspect: Inspect | None = None
    """Sees the answer, may change it in place, and says whether it did."""
    seconds: float | None = None
    """How long it may be without any message from the environment, if not the usual time."""

    @property
    def label(self) -> str:
        """How messages name it."""
        name = self.message.params.get("name", self.message.params.get("uri"))
        of = f" of `{name}`" if isinstance(name, str) else ""
        return f"`{self.message.method or self.message.kind}`{of}"


class Relay:
    """Sends a request and passes the answer on; `owed` is what the client still waits for."""

    def __init__(self, call: Call, answer: Answer, limits: Limits, session: Session | None) -> None:
        self.owed: set[RequestId] = set(call.message.expects)
        self.has_passed = False
        """Whether the client has seen any message of the answer."""
        self._call = call
        self._answer = answer
        self._limits = limits
        self._session = session
        self._silence = call.seconds or limits.call_seconds
        self._started = self._heard = time.monotonic()
        self._last_event_id: bytes | None = None
        self._was_forgotten = False
        self._stream: Headers | None = None
        """The head of the upstream's stream; the client's begins with the first thing in it."""

    async def run(self, channel: Channel, outgoing: Outgoing) -> None:
        """Send, and pass the answer on to its end.

        Raises:
            NotDelivered: the upstream cannot be reached.
            Interrupted: it failed before the client had what it is owed.
            Forgotten: it does not know the session; told once.
        """
        self._heard = time.monotonic()
        try:
            async with asyncio.timeout(self._time_left()):
                reply = await channel.upstream.send(outgoing)
        except TimeoutError:
            raise Interrupted("answer", self._limit()) from None
        if channel.session_id is None:
            channel.session_id = header(reply.headers, SESSION)
        try:
            await self._pass(reply, channel)
        finally:
            reply.close()

    async def _pass(self, reply: Reply, channel: Channel) -> None:
        if 300 <= reply.status < 400:
            raise Interrupted("answer", f"HTTP {reply.status}: redirects are not followed")
        if reply.status == 200 and media_type(reply) == sse.MEDIA_TYPE:
            await self._pass_stream(reply, channel)
        else:
            await self._pass_document(reply, channel)

    async def _pass_document(self, reply: Reply, channel: Channel) -> None:
        body = await self._read(reply)
        self._notice_forgotten(reply.status, body, channel)
        if self.owed and (reply.status in (202, 204) or not _is_whole(body, reply.status)):
            raise Interrupted("body", f"HTTP {reply.status} without a whole answer")
        if self._answer.is_streaming and reply.status >= 400:
            excerpt = body[:200].decode(errors="replace")
            raise Interrupted("answer", f"HTTP {reply.status}: {excerpt}")
        body = self._inspected(body) if reply.status == 200 else body
        self.owed.clear()
        await self._answer.document(reply.status, passed_back(reply.headers), body)

    def _notice_forgotten(self, status: int, body: bytes, channel: Channel) -> None:
        if self._session is None or channel.session_id is None or self._was_forgotten:
            return
        if status == 404 or (status == 400 and b"session" in body.lower()):
            self._was_forgotten = True
            self._session.forget(channel)
            raise Forgotten

    async def _read(self, reply: Reply) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := await self._piece(reply, "body"):
            size += len(piece)
            if size > self._limits.max_message:
                reason = f"the answer has more than {self._limits.max_message} bytes"
                raise Interrupted("body", reason)
            pieces.append(piece)
        return b"".join(pieces)

    async def _pass_stream(self, reply: Reply, channel: Channel) -> None:
        self._stream = passed_back(reply.headers)
        cutter = sse.EventCutter(self._limits.max_message)
        try:
            while self.owed and (piece := await self._piece(reply, "stream")):
                for event in cutter.feed(piece):
                    await self._pass_event(event, channel)
        except sse.EventTooLarge as exc:
            raise Interrupted("stream", str(exc)) from exc
        if self.owed:
            await self._end_unanswered(channel)
        else:
            reply.finish()

    async def _end_unanswered(self, channel: Channel) -> None:
        """End the client's stream as the upstream did, if the client knows where to resume it."""
        if self._session is None or self._last_event_id is None:
            raise Interrupted("stream", "the stream ended without the answer")
        self._session.park(self._last_event_id, Parked(channel, tuple(self.owed)))
        self.owed.clear()
        await self._begin()
        await self._answer.end()

    async def _begin(self) -> None:
        await self._answer.begin(self._stream or sse.HEADERS)

    async def _pass_event(self, event: sse.Event, channel: Channel) -> None:
        if event.id is not None:
            self._last_event_id = event.id
        if not event.data:
            await self._begin()
            await self._answer.event(event.raw)
            return
        self._heard = time.monotonic()
        self.has_passed = True
        event, answered = self._identify(event, channel)
        if not self.owed.isdisjoint(answered):
            self.owed.difference_update(answered)
            event = self._inspected_event(event)
        if not self.owed and len(event.raw) > LARGEST_EVENT and not self._answer.is_streaming:
            await self._answer.document(200, self._document_headers(), event.data)
            return
        await self._begin()
        if self.owed:
            await self._answer.event(event.raw)
        else:
            await self._answer.end(event.raw)

    def _document_headers(self) -> Headers:
        own = [pair for pair in self._stream or [] if pair[0] != b"content-type"]
        return [*own, *JSON_HEADERS]

    def _identify(
        self, event: sse.Event, channel: Channel
    ) -> tuple[sse.Event, list[RequestId | None]]:
        """The event as the client is to get it, and the ids that it answers."""
        if (answered := messages.answered_id(event.data)) is not None:
            return event, [answered]
        try:
            message = messages.read_message(event.data)
        except messages.MalformedMessage:
            return event, []
        if message.kind == "response":
            return event, [message.id]
        if message.kind == "batch":
            return event, [part.get("id") for part in message.content if "method" not in part]
        if message.kind == "request" and self._session is not None:
            return put_question(event, message, self._session, channel), []
        return event, []

    def _inspected_event(self, event: sse.Event) -> sse.Event:
        data = self._inspected(event.data)
        return event if data is event.data else sse.with_data(event, data)

    def _inspected(self, body: bytes) -> bytes:
        if self._call.inspect is None:
            return body
        try:
            content = messages.read_message(body).content
        except messages.MalformedMessage:
            return body
        is_changed = isinstance(content, dict) and self._call.inspect(content)
        return messages.dump(content) if is_changed else body

    async def _piece(self, reply: Reply, stage: Literal["body", "stream"]) -> bytes:
        """The next piece of the answer; meanwhile the client's stream is kept alive."""
        while True:
            left = self._time_left()
            if left <= 0:
                raise Interrupted(stage, self._limit())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._limits.keep_alive_seconds)):
                    return await reply.receive()
            if self._answer.is_streaming or self._stream is not None:
                await self._begin()
                await self._answer.event(sse.KEEP_ALIVE)

    def _time_left(self) -> float:
        """Seconds until the upstream has been silent for too long, or has taken too long in all."""
        now = time.monotonic()
        silence = self._heard + self._silence - now
        return min(silence, self._started + self._limits.call_maximum - now)

    def _limit(self) -> str:
        if time.monotonic() - self._started >= self._limits.call_maximum:
            return f"no answer within {self._limits.call_maximum:g} s altogether"
        return f"no message within {self._silence:g} s"


def _is_whole(body: bytes, status: int) -> bool:
    """Whether a successful answer looks like a complete message."""
    trimmed = body.strip()
    return status != 200 or (trimmed[:1], trimmed[-1:]) in ((b"{", b"}"), (b"[", b"]"))


def put_question(
    event: sse.Event, message: Message, session: Session, channel: Channel
) -> sse.Event:
    """An upstream's request to the client, noted so that the answer finds its way back."""
    assert message.id is not None
    asked_as = session.ask(message.id, channel)
    if asked_as == message.id:
        return event
    return sse.with_data(event, messages.dump({**message.content, "id": asked_as}))

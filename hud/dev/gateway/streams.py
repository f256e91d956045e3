"""Streams that stay open: what a client listens on, and what feeds it, upstream after upstream."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import anyio

from hud.dev.gateway.answer import Answer
from hud.dev.gateway.generation import Generation
from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.relay import put_question
from hud.dev.gateway.sessions import Session, SessionRefused, Superseded
from hud.dev.gateway.upstreams.channel import Channel
from hud.dev.gateway.upstreams.snapshot import ListKind
from hud.dev.gateway.upstreams.upstream import Reply, UpstreamFailure, media_type

MOST_EVENTS = 1024
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
METHODS_NOT_ALLOWED = (405, 501)

CHANGED: dict[ListKind, str] = {
    "tools": "notifications/tools/list_changed",
    "prompts": "notifications/prompts/list_changed",
    "resources": "notifications/resources/list_changed",
}


class Outlet:
    """One open stream to a client: events in order, comments between them, a bounded backlog.

    A client that does not read is cut off; it reconnects and lists anew.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events: deque[bytes] = deque()
        self._size = 0
        self._wake = anyio.Event()
        self._feeds: set[anyio.CancelScope] = set()
        self.is_closed = False

    def put(self, event: bytes) -> None:
        """Send an event, as soon as the client takes it."""
        if self.is_closed:
            return
        if len(self._events) >= MOST_EVENTS or self._size > self._limits.max_message:
            self.close()
            return
        self._events.append(event)
        self._size += len(event)
        self._wake.set()

    def close(self, last: bytes = b"") -> None:
        """End the stream once everything is sent, after a last event; its feeds end at once."""
        if last and not self.is_closed:
            self._events.append(last)
        self.is_closed = True
        self._wake.set()
        for feed in self._feeds:
            feed.cancel()

    @contextlib.contextmanager
    def feed(self) -> Iterator[None]:
        """A block that feeds this stream; it is cancelled when the stream ends."""
        with anyio.CancelScope() as scope:
            self._feeds.add(scope)
            if self.is_closed:
                scope.cancel()
            try:
                yield
            finally:
                self._feeds.discard(scope)

    async def run(self, answer: Answer) -> None:
        """Send what is put, until closed."""
        try:
            while not self.is_closed or self._events:
                await self._send(answer)
            await answer.end()
        finally:
            self.close()

    async def _send(self, answer: Answer) -> None:
        if not self._events:
            self._wake = anyio.Event()
            with anyio.move_on_after(self._limits.keep_alive_seconds) as timer:
                await self._wake.wait()
            if timer.cancelled_caught:
                await answer.event(sse.KEEP_ALIVE)
            return
        event = self._events.popleft()
        self._size -= len(event)
        await answer.event(event)


class Pause:
    """Growing pauses between attempts to open a stream again."""

    def __init__(self) -> None:
        self._seconds = FIRST_PAUSE

    async def take(self) -> None:
        """Wait, longer each time."""
        await anyio.sleep(self._seconds)
        self._seconds = min(self._seconds * 2, LONGEST_PAUSE)

    def reset_after(self, life: float) -> None:
        """Start with short pauses again if the stream lived for long enough, in seconds."""
        if life > LONGEST_PAUSE:
            self._seconds = FIRST_PAUSE


class Sink(Protocol):
    """Where the events of a session go."""

    def put(self, event: bytes) -> None:
        """Take an event."""

    def feed(self) -> AbstractContextManager[None]:
        """A block that feeds it, and is cancelled when it ends."""


async def feed_session(
    session: Session, sink: Sink, generation: Generation, limits: Limits
) -> None:
    """Bring what an upstream says to a session, outside of its calls, to the client's stream."""
    pause = Pause()
    with sink.feed():
        while True:
            try:
                channel = await session.channel_on(generation)
                reply = await channel.stream(session.last_event_id)
            except Superseded:
                return
            except UpstreamFailure as exc:
                generation.suspect(exc)
            except SessionRefused:
                return
            else:
                opened = anyio.current_time()
                if not await _take_over(reply, session, channel, sink, limits):
                    return
                pause.reset_after(anyio.current_time() - opened)
            await pause.take()


async def _take_over(
    reply: Reply, session: Session, channel: Channel, sink: Sink, limits: Limits
) -> bool:
    """Pass events on while the upstream's stream lasts; whether to open it again."""
    try:
        if reply.status == 200 and media_type(reply) == sse.MEDIA_TYPE:
            await _pass_on(reply, session, channel, sink, limits)
            return True
    finally:
        reply.close()
    if reply.status == 404:
        session.forget(channel)
    return reply.status not in METHODS_NOT_ALLOWED


async def _pass_on(
    reply: Reply, session: Session, channel: Channel, sink: Sink, limits: Limits
) -> None:
    cutter = sse.EventCutter(limits.max_message)
    try:
        while piece := await reply.receive():
            for event in cutter.feed(piece):
                sink.put(_noted(event, session, channel).raw)
    except (UpstreamFailure, sse.EventTooLarge):
        return


def _noted(event: sse.Event, session: Session, channel: Channel) -> sse.Event:
    if event.id is not None:
        session.last_event_id = event.id
    if not event.data or messages.answered_id(event.data) is not None:
        return event
    try:
        message = messages.read_message(event.data)
    except messages.MalformedMessage:
        return event
    if message.kind != "request":
        return event
    return put_question(event, message, session, channel)


def changed_event(kind: ListKind) -> bytes:
    """The notice that a list changed, for a stream of the older era."""
    return sse.write_event(messages.notification(CHANGED[kind]))

"""Events: what happened after a number, at once or as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from controller.api.services import LARGEST, Limit, resource
from controller.errors import Busy
from controller.platform import Platform
from hud.errors import UserError
from hud.wire.platform import EventRecord

router = resource("events")
STREAM = "text/event-stream"
KEEP_ALIVE_SECONDS = 15.0
PAGE = 500
BATCH = 50
"""Events that a stream holds in memory while its reader is slow."""
MOST_STREAMS = 200
"""Streams that are open at a time."""
Kinds = Annotated[list[str], Query(max_length=20)]
Since = Annotated[int | None, Query(ge=0, le=LARGEST)]
"""The number of the last event that was seen."""


class OpenStreams:
    """How many streams of events are open."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._open = 0

    def add(self) -> None:
        """One more is opened.

        Raises:
            Busy: there are as many as there may be.
        """
        if self._open >= self._most:
            raise Busy(
                f"{self._most} streams of events are open",
                hint="close one, or ask without `Accept: text/event-stream`",
            )
        self._open += 1

    def remove(self) -> None:
        """One has ended."""
        self._open -= 1


class EventStream(StreamingResponse):
    """A stream that counts as open until it has ended, however it does."""

    def __init__(self, parts: AsyncIterator[str], streams: OpenStreams) -> None:
        super().__init__(parts, headers={"x-accel-buffering": "no"}, media_type=STREAM)
        self._streams = streams
        streams.add()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.remove()


@router.get(
    "/events",
    response_model=list[EventRecord],
    responses={200: {"content": {STREAM: {"schema": {"type": "string"}}}}},
)
async def list_events(
    request: Request,
    after: Since = None,
    kind: Kinds = [],  # noqa: B006 - FastAPI copies it
    limit: Limit = PAGE,
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response | list[EventRecord]:
    """Events after the last one that was seen, from the oldest on.

    With `Accept: text/event-stream`, server-sent events that go on until the client leaves; those
    begin after `Last-Event-ID`, else after `after`, else with what happens next.
    """
    platform: Platform = request.app.state.platform
    kinds = tuple(kind) or None
    if STREAM not in accept:
        return await platform.store.events(after or 0, limit, kinds)
    begin = _number(last_event_id) if last_event_id else after
    if begin is None:
        begin = await platform.store.latest_event()
    return EventStream(stream(platform, begin, kinds), request.app.state.event_streams)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST):
        raise UserError(f"Last-Event-ID {text[:40]!r} is no number")
    return int(text)


async def stream(
    platform: Platform, after: int, kinds: tuple[str, ...] | None
) -> AsyncIterator[str]:
    """Events from a number on, for as long as somebody reads; comments keep the connection alive.

    Nothing is queued: what a slow reader has not taken yet stays in the store.
    """
    yield f"id: {after}\n\n"
    while not platform.closing.is_set():
        batch = await _following(platform, after, kinds)
        for event in batch:
            after = event.id
            yield f"id: {after}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n"
        if not batch:
            yield ": keep-alive\n\n"


async def _following(
    platform: Platform, after: int, kinds: tuple[str, ...] | None
) -> list[EventRecord]:
    """The next events; none if there are none for a while, or the process is about to end."""
    asking = asyncio.ensure_future(
        platform.store.next_events(after, limit=BATCH, kinds=kinds, timeout=KEEP_ALIVE_SECONDS)
    )
    closing = asyncio.ensure_future(platform.closing.wait())
    try:
        await asyncio.wait({asking, closing}, return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else []
    finally:
        asking.cancel()
        closing.cancel()

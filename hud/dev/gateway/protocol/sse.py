"""Server-sent events: cutting a stream of bytes into whole events, reading and writing them.

Whole events are passed on as the bytes that they came in. A partial one never is, so that an
error can always follow what a client has already got.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

KEEP_ALIVE = b": keep-alive\r\n\r\n"
MEDIA_TYPE = b"text/event-stream"
HEADERS = [
    (b"content-type", MEDIA_TYPE),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_LONGEST_END = 4


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its bytes as received, its data, and its id for resuming."""

    raw: bytes
    data: bytes
    id: bytes | None


class EventTooLarge(ValueError):
    """An event outgrew the limit."""


class EventCutter:
    """Collects pieces of a stream and hands out whole events, at most `limit` bytes each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._searched = 0

    def feed(self, piece: bytes) -> list[Event]:
        """The events that `piece` completes.

        Raises:
            EventTooLarge: the event that is being received has more than `limit` bytes.
        """
        pending = self._pending
        pending += piece
        start, events = 0, []
        position = max(0, self._searched - _LONGEST_END)
        while (end := _END.search(pending, position)) is not None:
            events.append(read_event(bytes(pending[start : end.end()])))
            start = position = end.end()
        del pending[:start]
        self._searched = len(pending)
        if len(pending) > self._limit:
            raise EventTooLarge(f"an event has more than {self._limit} bytes")
        return events


def read_event(raw: bytes) -> Event:
    """Read the fields of one event; several data lines are joined."""
    data: list[bytes] = []
    event_id = None
    for line in raw.splitlines():
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"id":
            event_id = value.removeprefix(b" ")
    return Event(raw, data[0] if len(data) == 1 else b"\n".join(data), event_id)


def write_event(data: bytes) -> bytes:
    """An event that carries one message; `data` is on one line."""
    return b"event: message\r\ndata: " + data + b"\r\n\r\n"


def with_data(event: Event, data: bytes) -> Event:
    """The same event with other data."""
    head = b"id: " + event.id + b"\r\n" if event.id is not None else b""
    return Event(head + write_event(data), data, event.id)

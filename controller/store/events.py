"""What happened, in the order in which it was committed; the oldest are forgotten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select

from controller.store.tables import events
from controller.store.values import dump_json
from controller.store.writing import add_row
from hud.wire.platform import EventRecord

KEPT = 100_000
"""Events that are kept."""
SWEEP = 1000
"""Old events are removed once in so many new ones."""
LATEST = "latest_event"
"""Where a transaction notes the number of its last event, for whoever watches in this process."""


def append(connection: Connection, kind: str, subject: str, data: dict[str, Any]) -> EventRecord:
    """Add an event."""
    at = datetime.now(UTC)
    row = {"at": at, "kind": kind, "subject": subject, "data": dump_json(data)}
    number = add_row(connection, events, row)
    if number % SWEEP == 0:
        connection.execute(delete(events).where(events.c.id <= number - KEPT))
    connection.info[LATEST] = number
    return EventRecord(id=number, at=at, kind=kind, subject=subject, data=data)


def following(
    connection: Connection, after: int = 0, limit: int = 500, kinds: Sequence[str] | None = None
) -> list[EventRecord]:
    """The events after that number, oldest first."""
    query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
    if kinds:
        query = query.where(events.c.kind.in_(kinds))
    return [
        EventRecord(
            id=row.id, at=row.at, kind=row.kind, subject=row.subject, data=json.loads(row.data)
        )
        for row in connection.execute(query)
    ]


def latest(connection: Connection) -> int:
    """The number of the newest event; 0 if there is none."""
    return int(connection.scalar(select(func.max(events.c.id))) or 0)

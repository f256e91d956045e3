"""What has changed at the controller, so that what has not is not asked for again.

While somebody looks at a page, the controller is asked for its events at most once in `ASK_SECONDS`
by all sessions together: one small question instead of each read of each page. A number for each
topic grows with its events; an answer is kept under the numbers of its topics.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from hud.client import Client
from hud.wire.platform import EventRecord

ASK_SECONDS = 1.0
"""How old news may be."""
MOST = 500
"""Events that are looked at one by one; where there are more, everything counts as changed."""


class News:
    """How often each topic has changed: a kind of event (`job`), or one of that kind (`job/ID`)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changes: defaultdict[str, int] = defaultdict(int)
        self._everything = 0
        self._after: int | None = None
        self._due = 0.0
        self._asking = Lock()

    def state_of(self, topics: Iterable[str]) -> tuple[int, ...]:
        """What equals an earlier one as long as none of the topics has changed."""
        return (self._everything, *(self._changes.get(topic, 0) for topic in topics))

    def ask(self, client: Client) -> None:
        """Learn what has happened, unless that was done just now or is being done.

        Raises:
            HudError: the controller does not answer, or refuses.
        """
        if self._clock() < self._due or not self._asking.acquire(blocking=False):
            return
        try:
            self._learn(client)
        finally:
            self._due = self._clock() + ASK_SECONDS
            self._asking.release()

    def _learn(self, client: Client) -> None:
        if self._after is None:
            self._skip(client)
            return
        events = client.past_events(self._after, limit=MOST)
        if len(events) == MOST:
            self._skip(client)
        else:
            self._note(events)

    def _skip(self, client: Client) -> None:
        """Go on with what happens next: what is known may be old."""
        self._after = client.newest_event()
        self._everything += 1

    def _note(self, events: Sequence[EventRecord]) -> None:
        for event in events:
            self._after = event.id
            for topic in _topics(event):
                self._changes[topic] += 1


def _topics(event: EventRecord) -> list[str]:
    """A rollout changes its job, too."""
    named = [event.kind, f"{event.kind}/{event.subject}"]
    if event.kind != "rollout":
        return named
    return ["rollout", "job", f"job/{event.data.get('job')}"]

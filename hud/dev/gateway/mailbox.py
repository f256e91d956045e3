"""An answer that is not a client's: it is collected, for the gateway to look at first."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from hud.dev.gateway import messages, sse
from hud.dev.gateway.answer import JSON_HEADERS
from hud.dev.gateway.connection import Headers
from hud.dev.gateway.messages import Message


@dataclass(frozen=True)
class Done:
    """The end of a call: an HTTP status, headers and the answer."""

    status: int
    headers: Headers
    body: bytes


class Mailbox:
    """What becomes of a call at the upstream, to be told to whoever asks: notes, questions, and the end."""

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

"""The client of the older era that the gateway plays for clients of the newer one."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio

from hud.dev.gateway.answer import Mailbox
from hud.dev.gateway.exchange import Exchange
from hud.dev.gateway.modern.envelope import INPUT_KEYS, Envelope
from hud.dev.gateway.modern.subscriptions import UPDATED, Listener
from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.protocol.messages import JsonObject, Message
from hud.dev.gateway.sessions import Record, Session
from hud.dev.gateway.streams import CHANGED
from hud.dev.gateway.upstreams.channel import LEGACY

ASKING = frozenset({"tools/call", "prompts/get", "resources/read"})
"""Methods that may end with `input_required`."""


@dataclass(eq=False)
class Errand:
    """One call of a client of the newer era, under way at the upstream."""

    message: Message
    envelope: Envelope
    id: int
    """Its id at the upstream."""
    mailbox: Mailbox = field(default_factory=Mailbox)
    exchange: Exchange | None = None
    questions: dict[str, Message] = field(default_factory=dict)
    """What the client was asked, by the key under which its answers come."""
    waits_until: float = 0.0

    def matches(self, message: Message) -> bool:
        """Whether a request that brings answers repeats this one."""
        return (message.method, _bare(message)) == (self.message.method, _bare(self.message))


def _bare(message: Message) -> JsonObject:
    return {
        key: value for key, value in message.params.items() if key not in (*INPUT_KEYS, "_meta")
    }


class Understudy:
    """Stands in for all clients that introduce themselves alike."""

    def __init__(self, envelope: Envelope, limits: Limits) -> None:
        params = {
            "protocolVersion": LEGACY[-1],
            "capabilities": envelope.capabilities,
            "clientInfo": envelope.client,
        }
        hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        record = Record(secrets.token_urlsafe(16), hello, initialized=True)
        self.session = Session(record, limits)
        self.session.stream = self
        self.errands: dict[int, Errand] = {}
        self.listeners: set[Listener] = set()
        self.used = time.monotonic()
        self._last_id = 0
        self._feeds: set[anyio.CancelScope] = set()

    @property
    def is_busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self.errands or self.listeners)

    def errand(self, message: Message, envelope: Envelope) -> Errand:
        """A new call, under an id of its own."""
        self._last_id += 1
        self.used = time.monotonic()
        errand = Errand(message, envelope, self._last_id)
        self.errands[errand.id] = errand
        return errand

    def put(self, event: bytes) -> None:
        """Take what the upstream says outside of calls."""
        try:
            message = messages.read_message(sse.read_event(event).data or b"[]")
        except messages.MalformedMessage:
            return
        if message.method in CHANGED.values() or message.method == UPDATED:
            self._tell_listeners(message)
        elif message.kind in ("request", "notification") and (errand := self._meant(message)):
            errand.mailbox.put(message)

    def _tell_listeners(self, message: Message) -> None:
        for listener in self.listeners:
            kinds = [kind for kind, method in CHANGED.items() if method == message.method]
            if any(map(listener.wants, kinds)) or message.params.get("uri") in listener.uris:
                listener.notify(message.method, message.params)

    def _meant(self, message: Message) -> Errand | None:
        """The call that a message outside of calls is about: the one it names, else the oldest."""
        token = message.params.get("progressToken")
        if isinstance(token, int) and token in self.errands:
            return self.errands[token]
        asking = [errand for errand in self.errands.values() if errand.message.method in ASKING]
        return asking[0] if asking else None

    @contextlib.contextmanager
    def feed(self) -> Iterator[None]:
        """A block that brings the upstream's messages; cancelled when this client is gone."""
        with anyio.CancelScope() as scope:
            self._feeds.add(scope)
            try:
                yield
            finally:
                self._feeds.discard(scope)

    def close(self) -> None:
        """Stop listening to the upstream."""
        for scope in self._feeds:
            scope.cancel()

"""Clients of the newer era (2026-07-28), which have no session: every request stands alone.

To an upstream of that era requests go as they are; only the lists' time to live and the
`listChanged` flags are changed. `subscriptions/listen` is the gateway's own stream, which it
feeds from one upstream after another. For upstreams of the older era there is `translation`.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import anyio

from hud.dev.gateway.answer import Answer, passed_back
from hud.dev.gateway.generation import Generation
from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.protocol.messages import JsonObject, Message, RequestId
from hud.dev.gateway.streams import CHANGED, Outlet, Pause
from hud.dev.gateway.upstreams.channel import META_SUBSCRIPTION, Channel
from hud.dev.gateway.upstreams.snapshot import KINDS, ListKind
from hud.dev.gateway.upstreams.upstream import Headers, Reply, UpstreamFailure, media_type, read_all

LISTEN = "subscriptions/listen"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
UPDATED = "notifications/resources/updated"
CACHEABLE = frozenset(
    [
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "server/discover",
        "tools/list",
    ]
)
_FLAGS: dict[ListKind, str] = {
    "tools": "toolsListChanged",
    "prompts": "promptsListChanged",
    "resources": "resourcesListChanged",
}


def announce_changes(capabilities: object) -> bool:
    """Say that lists may change, for each kind that is announced; whether that was news."""
    if not isinstance(capabilities, dict):
        return False
    is_news = False
    for kind in KINDS:
        announced = capabilities.get(kind)
        if isinstance(announced, dict) and announced.get("listChanged") is not True:
            announced["listChanged"] = is_news = True
    return is_news


def freshen(answer: JsonObject) -> bool:
    """Let a result be stale at once and lists be changeable; whether that changed anything."""
    result = answer.get("result")
    if not isinstance(result, dict):
        return False
    is_changed = result.get("ttlMs", 0) != 0
    if is_changed:
        result["ttlMs"] = 0
    return announce_changes(result.get("capabilities")) or is_changed


@dataclass(frozen=True)
class Refusal:
    """What an upstream says to a `subscriptions/listen` that it does not accept."""

    status: int
    headers: Headers
    body: bytes


class Listener:
    """One client's `subscriptions/listen`: acknowledged once, fed by upstream after upstream."""

    def __init__(self, message: Message, headers: Headers, limits: Limits) -> None:
        assert message.id is not None
        self.id: RequestId = message.id
        self.outlet = Outlet(limits)
        self.refusal: Refusal | None = None
        self.message = message
        self.headers = headers
        self._limits = limits
        self._opened = anyio.Event()
        wanted = message.params.get("notifications")
        self._wanted: JsonObject = wanted if isinstance(wanted, dict) else {}

    @property
    def uris(self) -> list[str]:
        """The resources whose updates the client wants to hear of."""
        uris = self._wanted.get("resourceSubscriptions")
        return [uri for uri in uris if isinstance(uri, str)] if isinstance(uris, list) else []

    @property
    def is_acknowledged(self) -> bool:
        """Whether the client knows that it is listening."""
        return self._opened.is_set() and self.refusal is None

    async def opened(self) -> None:
        """Wait until it is acknowledged or refused."""
        await self._opened.wait()

    def wants(self, kind: ListKind) -> bool:
        """Whether the client asked to be told when that list changes."""
        return self._wanted.get(_FLAGS[kind]) is True

    def announce(self, kind: ListKind) -> None:
        """Tell the client that a list changed, if it asked to be told."""
        if self.is_acknowledged and self.wants(kind):
            self.notify(CHANGED[kind], {})

    def notify(self, method: str, params: JsonObject) -> None:
        """Send a notification under this subscription's id."""
        meta = {**(params.get("_meta") or {}), META_SUBSCRIPTION: self.id}
        note = messages.notification(method, {**params, "_meta": meta})
        self.outlet.put(sse.write_event(note))

    def acknowledge(self, event: bytes | None = None) -> None:
        """Let the client know that it is listening: once, in the upstream's words if it has any."""
        if self._opened.is_set():
            return
        self._opened.set()
        if event is not None:
            self.outlet.put(event)
            return
        honoured: JsonObject = {_FLAGS[kind]: True for kind in KINDS if self.wants(kind)}
        if self.uris:
            honoured["resourceSubscriptions"] = self.uris
        self.notify(ACKNOWLEDGED, {"notifications": honoured})

    def finish(self) -> None:
        """End the subscription with its result, which says that this is on purpose."""
        meta = {META_SUBSCRIPTION: self.id}
        result = messages.result(self.id, {"resultType": "complete", "_meta": meta})
        self.outlet.close(sse.write_event(result))

    async def feed(self, generation: Generation) -> None:
        """Bring what an upstream of the newer era has to tell to the client."""
        channel = Channel(generation.upstream, self._limits, version="")
        pause = Pause()
        with self.outlet.feed():
            while True:
                try:
                    reply = await channel.post(self.message.body, self.headers)
                except UpstreamFailure as exc:
                    generation.suspect(exc)
                else:
                    opened = anyio.current_time()
                    if not await self._take_over(reply):
                        return
                    pause.reset_after(anyio.current_time() - opened)
                await pause.take()

    async def _take_over(self, reply: Reply) -> bool:
        """Pass events on while the upstream's stream lasts; whether to open it again."""
        try:
            if reply.status != 200 or media_type(reply) != sse.MEDIA_TYPE:
                await self._consider(reply)
                return False
            cutter = sse.EventCutter(self._limits.max_message)
            while piece := await reply.receive():
                for event in cutter.feed(piece):
                    self._pass(event)
        except (UpstreamFailure, sse.EventTooLarge):
            return True
        finally:
            reply.close()
        return True

    async def _consider(self, reply: Reply) -> None:
        """Refuse as the upstream does, unless it only lacks the method: the gateway has it."""
        body = await read_all(reply, self._limits.max_message)
        if self._opened.is_set():
            return
        if _error_code(body) == messages.METHOD_NOT_FOUND:
            self.acknowledge()
            return
        self.refusal = Refusal(reply.status, passed_back(reply.headers), body)
        self._opened.set()

    def _pass(self, event: sse.Event) -> None:
        if not event.data or messages.answered_id(event.data) is not None:
            return
        with contextlib.suppress(messages.MalformedMessage):
            message = messages.read_message(event.data)
            if message.method == ACKNOWLEDGED:
                self.acknowledge(self._completed(event, message))
            elif message.kind != "response":
                self.outlet.put(event.raw)

    def _completed(self, event: sse.Event, message: Message) -> bytes:
        """The acknowledgement, with the lists added whose changes the gateway itself tells of."""
        honoured: Any = message.params.get("notifications")
        missing = [kind for kind in KINDS if self.wants(kind)]
        if isinstance(honoured, dict):
            missing = [kind for kind in missing if honoured.get(_FLAGS[kind]) is not True]
        if not missing or not isinstance(honoured, dict):
            return event.raw
        honoured |= {_FLAGS[kind]: True for kind in missing}
        return sse.write_event(messages.dump(message.content))


def _error_code(body: bytes) -> int | None:
    with contextlib.suppress(messages.MalformedMessage):
        content = messages.read_message(body).content
        error = content.get("error") if isinstance(content, dict) else None
        return error.get("code") if isinstance(error, dict) else None
    return None


class Listeners:
    """All open subscriptions of the newer era."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> list[Listener]:
        """Every open subscription."""
        return list(self._open)

    def announce(self, kind: ListKind) -> None:
        """Tell all who asked to be told that a list changed."""
        for listener in self.all():
            listener.announce(kind)

    async def serve(self, listener: Listener, answer: Answer) -> None:
        """Answer with the subscription's stream, or with the upstream's refusal."""
        self._open.add(listener)
        try:
            with anyio.move_on_after(self._limits.initialize_seconds):
                await listener.opened()
            listener.acknowledge()
            if (refusal := listener.refusal) is not None:
                await answer.document(refusal.status, refusal.headers, refusal.body)
                return
            await answer.begin(sse.HEADERS)
            await listener.outlet.run(answer)
        finally:
            self._open.discard(listener)
            listener.outlet.close()

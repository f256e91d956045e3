"""The clients' sessions, whose ids are the gateway's own: they outlive upstreams and the gateway.

A session of the older era is kept as one file with the client's `initialize`; with it a session on
another upstream, or in another process, is opened in the client's name.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypedDict

import anyio

from hud.dev.gateway.gate import Refused
from hud.dev.gateway.generation import Abandonable, Generation
from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages
from hud.dev.gateway.protocol.messages import JsonObject, Message, RequestId
from hud.dev.gateway.upstreams.channel import Channel, error_text, initialize
from hud.dev.gateway.upstreams.snapshot import ListKind
from hud.dev.gateway.upstreams.upstream import Interrupted, NotDelivered

TOUCH_SECONDS = 60.0
"""How often the file of a session in use is marked as such."""
MOST_REMEMBERED = 256
"""Ends of streams and open questions that are remembered for a session."""


class SessionRefused(Exception):
    """The upstream does not take the client's `initialize`; `answer` is what it said."""

    def __init__(self, answer: JsonObject) -> None:
        super().__init__(error_text(answer))
        self.answer = answer


class Superseded(NotDelivered):
    """The session has moved on to a newer upstream."""

    def __init__(self) -> None:
        super().__init__("there is a newer instance")


@dataclass(frozen=True)
class Parked:
    """A stream that the upstream ended before it answered, for the client to resume."""

    channel: Channel
    expects: tuple[RequestId, ...]


@dataclass(frozen=True)
class Asked:
    """A request of the upstream to the client: who waits for the answer, and under which id."""

    channel: Channel
    id: RequestId


class Stream(Protocol):
    """The client's open stream of messages that belong to no request."""

    def put(self, event: bytes) -> None:
        """Send an event."""

    def close(self) -> None:
        """End the stream."""


class Seat(TypedDict):
    """A session of an upstream."""

    upstream: str
    """The upstream's identity."""
    session: str
    version: str


@dataclass
class Record:
    """What of a session is kept on disk."""

    id: str
    initialize: JsonObject
    """The client's request, with the version that was agreed on."""
    initialized: bool = False
    level: str | None = None
    """The logging level that the client set."""
    subscriptions: list[str] = field(default_factory=list)
    """URIs of the resources that it subscribed to."""
    seat: Seat | None = None
    """Its conversation with an upstream that the next gateway may find again."""


class Session:
    """One client's session, and the upstream's session that belongs to it."""

    def __init__(
        self,
        record: Record,
        limits: Limits,
        on_seated: Callable[[Session], None] = lambda session: None,
    ) -> None:
        """`on_seated` is called when `record.seat` is another one."""
        self.record = record
        self._on_seated = on_seated
        self.calls: dict[RequestId, Abandonable] = {}
        """Calls under way, waiting ones included, by id."""
        self.carried: dict[RequestId, Channel] = {}
        """Where those calls are, once delivered."""
        self.asked: OrderedDict[RequestId, Asked] = OrderedDict()
        self.parked: OrderedDict[bytes, Parked] = OrderedDict()
        self.stream: Stream | None = None
        self.last_event_id: bytes | None = None
        self.owed: set[ListKind] = set()
        """Changes that it could not be told of yet."""
        self.used = time.monotonic()
        self._limits = limits
        self._lock = anyio.Lock()
        self._channel: Channel | None = None
        self._generation: Generation | None = None

    @property
    def id(self) -> str:
        """The id that the client knows, a secret of 256 bits."""
        return self.record.id

    @property
    def is_busy(self) -> bool:
        """Whether a stream or a call of it is open."""
        return self.stream is not None or bool(self.calls)

    def touch(self) -> None:
        """Note that it is in use."""
        self.used = time.monotonic()

    def bind(self, generation: Generation, channel: Channel) -> None:
        """Take over a conversation that was opened for this session."""
        self._generation, self._channel = generation, channel
        self._sit(_seat(generation, channel))

    def current(self) -> Channel | None:
        """The conversation in use, if any."""
        return self._channel

    def forget(self, channel: Channel) -> None:
        """Do not use a conversation again that the upstream does not know any more."""
        if self._channel is channel:
            self._channel = None
            self._sit(None)

    def _sit(self, seat: Seat | None) -> None:
        if self.record.seat != seat:
            self.record.seat = seat
            self._on_seated(self)

    async def channel_on(self, generation: Generation) -> Channel:
        """The conversation with that upstream, opened in the client's name if need be.

        Raises:
            UpstreamFailure: the upstream does not answer, or there is a newer one.
            SessionRefused: it does not accept the client.
        """
        if self._channel is not None and self._generation is generation:
            return self._channel
        async with self._lock:
            if self._generation is not None and self._generation.number > generation.number:
                raise Superseded
            if self._channel is None or self._generation is not generation:
                self.bind(generation, await self._open(generation))
            assert self._channel is not None
            return self._channel

    async def _open(self, generation: Generation) -> Channel:
        seat = self.record.seat
        if seat is not None and seat["upstream"] == generation.identity:
            known = seat["session"].encode()
            version = seat["version"]
            return Channel(generation.upstream, self._limits, version=version, session_id=known)
        channel = Channel(generation.upstream, self._limits, version="")
        seconds = self._limits.initialize_seconds
        hello = self.record.initialize
        answer = await initialize(channel, messages.dump(hello), hello["id"], seconds, None)
        if "result" not in answer:
            raise SessionRefused(answer)
        self.last_event_id = None
        if self.record.initialized:
            await self._replay(channel)
        return channel

    async def _replay(self, channel: Channel) -> None:
        """Tell a new upstream session what the client had told the one before."""
        await channel.tell(messages.notification("notifications/initialized"))
        steps: list[tuple[str, JsonObject]] = []
        if self.record.level is not None:
            steps.append(("logging/setLevel", {"level": self.record.level}))
        steps += [("resources/subscribe", {"uri": uri}) for uri in self.record.subscriptions]
        for method, params in steps:
            with contextlib.suppress(Interrupted):
                await channel.ask(
                    method, params, stage="initialize", seconds=self._limits.list_seconds
                )

    def learn(self, message: Message) -> bool:
        """Remember what an accepted message of the client changes; whether that was anything."""
        before = (self.record.initialized, self.record.level, list(self.record.subscriptions))
        uri = message.params.get("uri")
        if message.method == "notifications/initialized":
            self.record.initialized = True
        elif message.method == "logging/setLevel":
            self.record.level = message.params.get("level")
        elif message.method == "resources/subscribe" and isinstance(uri, str):
            self.record.subscriptions = sorted({*self.record.subscriptions, uri})
        elif message.method == "resources/unsubscribe":
            self.record.subscriptions = [
                known for known in self.record.subscriptions if known != uri
            ]
        return before != (self.record.initialized, self.record.level, self.record.subscriptions)

    def park(self, event_id: bytes, parked: Parked) -> None:
        """Remember where a stream ended that the client is going to resume."""
        self.parked[event_id] = parked
        while len(self.parked) > MOST_REMEMBERED:
            self.parked.popitem(last=False)

    def ask(self, request_id: RequestId, channel: Channel) -> RequestId:
        """Note a question to the client; the id to ask it under, which may be another one."""
        taken = self.asked.get(request_id)
        asked_as: RequestId = request_id
        if taken is not None and taken.channel is not channel:
            asked_as = f"hud-{secrets.token_hex(8)}"
        self.asked[asked_as] = Asked(channel, request_id)
        while len(self.asked) > MOST_REMEMBERED:
            self.asked.popitem(last=False)
        return asked_as

    async def reply(self, message: Message) -> None:
        """Bring the client's answer to whoever asked, if that is still there."""
        asked = self.asked.pop(message.id, None) if message.id is not None else None
        body = message.body
        if asked is not None and asked.id != message.id:
            body = messages.dump({**message.content, "id": asked.id})
        channel = asked.channel if asked is not None else self._channel
        if channel is not None:
            await channel.tell_if_possible(body)


class SessionTable:
    """All sessions of the older era, by id, and their files in `folder`."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._sessions: dict[str, Session] = {}
        self._touched: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def all(self) -> list[Session]:
        """Every session."""
        return list(self._sessions.values())

    def get(self, session_id: str) -> Session | None:
        """The session of that id, marked as used."""
        if (session := self._sessions.get(session_id)) is None:
            return None
        self.touch(session)
        return session

    def touch(self, session: Session) -> None:
        """Mark a session as used, now and then also for the next gateway."""
        session.touch()
        if session.used - self._touched.get(session.id, 0.0) > TOUCH_SECONDS:
            self._touched[session.id] = session.used
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._path(session.id))

    def has_room(self) -> bool:
        """Whether another session may be opened."""
        return len(self._sessions) < self._limits.max_sessions

    def open(self, initialize: JsonObject, version: str) -> Session:
        """A new session for a client whose `initialize` was accepted with that protocol version.

        Raises:
            Refused: there are as many sessions as there may be.
        """
        if not self.has_room():
            raise Refused(503, f"{len(self._sessions)} sessions are open, no more are allowed")
        params = {**initialize.get("params", {}), "protocolVersion": version}
        record = Record(secrets.token_urlsafe(32), {**initialize, "params": params})
        session = Session(record, self._limits, self._save_if_open)
        self._sessions[session.id] = session
        self.save(session)
        return session

    def close(self, session: Session) -> None:
        """End a session; its id is unknown from now on."""
        self._sessions.pop(session.id, None)
        self._touched.pop(session.id, None)
        self._path(session.id).unlink(missing_ok=True)
        if session.stream is not None:
            session.stream.close()

    def idle(self) -> list[Session]:
        """The sessions that nobody has used for too long."""
        limit = time.monotonic() - self._limits.idle_seconds
        for session in self.all():
            if session.is_busy:
                self.touch(session)
        return [session for session in self.all() if session.used < limit]

    def save(self, session: Session) -> None:
        """Write a session's file."""
        write_private(self._path(session.id), vars(session.record))

    def _save_if_open(self, session: Session) -> None:
        if session.id in self._sessions:
            self.save(session)

    def restore(self) -> None:
        """Read the sessions that an earlier gateway left, but for those idle for too long."""
        for path in self._folder.glob("*.session.json"):
            record = _read_record(path)
            if record is None or time.time() - path.stat().st_mtime > self._limits.idle_seconds:
                path.unlink(missing_ok=True)
            elif self.has_room():
                self._sessions[record.id] = Session(record, self._limits, self._save_if_open)

    def _path(self, session_id: str) -> Path:
        return self._folder / f"{session_id}.session.json"


def _seat(generation: Generation, channel: Channel) -> Seat | None:
    if generation.identity is None or channel.session_id is None:
        return None
    session = channel.session_id.decode("latin-1")
    return Seat(upstream=generation.identity, session=session, version=channel.version)


def _read_record(path: Path) -> Record | None:
    """The record in that file, or None if it is not one."""
    try:
        record = Record(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return None
    is_whole = isinstance(record.initialize, dict) and "id" in record.initialize
    return record if is_whole and path.name == f"{record.id}.session.json" else None


def write_private(path: Path, content: object) -> None:
    """Write a JSON file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    draft.replace(path)

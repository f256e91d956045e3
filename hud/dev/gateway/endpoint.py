"""The MCP endpoint as clients see it: POST, GET and DELETE of both eras on one URL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
from starlette.types import Receive, Scope, Send

from hud.dev.gateway.answer import HttpAnswer, Mailbox, refuse, reject
from hud.dev.gateway.exchange import Exchange
from hud.dev.gateway.gate import Gate, Refused, Wait
from hud.dev.gateway.generation import Generation
from hud.dev.gateway.modern.envelope import EnvelopeRefused
from hud.dev.gateway.modern.subscriptions import (
    CACHEABLE,
    LISTEN,
    Listener,
    Listeners,
    announce_changes,
    freshen,
)
from hud.dev.gateway.modern.translation import Translator
from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.protocol.messages import JsonObject, MalformedMessage, Message
from hud.dev.gateway.relay import Call
from hud.dev.gateway.security import BodyRefused, read_body
from hud.dev.gateway.sessions import Parked, Session, SessionTable
from hud.dev.gateway.streams import Outlet, changed_event, feed_session
from hud.dev.gateway.upstreams.channel import (
    LAST_EVENT,
    LEGACY,
    SESSION,
    VERSION,
    Channel,
    result_of,
)
from hud.dev.gateway.upstreams.snapshot import KINDS
from hud.dev.gateway.upstreams.upstream import Headers, header

Work = Callable[[], Awaitable[None]]

WATCH_AFTER = 0.02
"""Seconds after which a call counts as one that its client may give up."""
LEARNED = frozenset({"logging/setLevel", "resources/subscribe", "resources/unsubscribe"})

_NOT_PASSED_ON = frozenset(
    b"accept-encoding connection content-length cookie expect forwarded host keep-alive "
    b"mcp-session-id origin proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade x-forwarded-for x-forwarded-host x-forwarded-proto".split()
)


class _EraChanged(Exception):
    """While the call waited, an upstream of the older era took the place of one of the newer."""


class Endpoint:
    """An ASGI application for one MCP endpoint."""

    def __init__(
        self,
        gate: Gate,
        limits: Limits,
        sessions: SessionTable,
        start: Callable[..., object],
        *,
        passes_authorization: bool = False,
    ) -> None:
        """`start(work, *arguments)` runs something for as long as the gateway is open."""
        self.sessions = sessions
        self.listeners = Listeners(limits)
        self.translator = Translator(gate, limits, start)
        self.calls = 0
        """Requests being answered, apart from open streams."""
        self._gate = gate
        self._limits = limits
        self._start = start
        self._withheld = (
            _NOT_PASSED_ON if passes_authorization else _NOT_PASSED_ON | {b"authorization"}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers: Headers = scope["headers"]
        version = header(headers, VERSION)
        is_modern = version is not None and version.decode("latin-1") not in LEGACY
        if scope["method"] == "POST":
            await self._post(headers, receive, send, is_modern=is_modern)
        elif is_modern or scope["method"] not in ("GET", "DELETE"):
            allowed = b"POST" if is_modern else b"GET, POST, DELETE"
            await reject(HttpAnswer(send), 405, "Method Not Allowed", [(b"allow", allowed)])
        else:
            await self._of_session(scope["method"], headers, receive, send)

    async def _post(
        self, headers: Headers, receive: Receive, send: Send, *, is_modern: bool
    ) -> None:
        answer = HttpAnswer(send)
        try:
            body = await read_body(receive, self._limits)
            if body is None:
                return
            message = messages.read_message(body)
        except BodyRefused as exc:
            await reject(answer, exc.status, str(exc), [(b"connection", b"close")])
        except MalformedMessage as exc:
            await refuse(answer, 400, messages.error(None, exc.code, str(exc)))
        else:
            passed = [pair for pair in headers if pair[0] not in self._withheld]
            if is_modern:
                work = partial(self._modern, message, passed, answer)
            else:
                work = partial(self._legacy, message, passed, header(headers, SESSION), send)
            await self._counted(work, receive, message, answer)

    async def _counted(
        self, work: Work, receive: Receive, message: Message, answer: HttpAnswer
    ) -> None:
        """Do it unless too much is under way, and stop when the client leaves."""
        is_stream = message.method == LISTEN
        if not is_stream and self.calls >= self._limits.max_calls:
            refused = Refused(429, f"{self.calls} calls are under way already")
            await refuse_call(answer, message, refused)
            return
        self.calls += not is_stream
        try:
            await until_disconnected(work, receive)
        finally:
            self.calls -= not is_stream

    async def _modern(self, message: Message, headers: Headers, answer: HttpAnswer) -> None:
        try:
            generation = await self._gate.admit(Wait(self._limits))
            if message.method == LISTEN and message.kind == "request":
                await self._listen(message, headers, answer, generation)
            elif generation.is_modern:
                await self._relay_modern(message, headers, answer)
            else:
                await self._translate(message, headers, answer)
        except Refused as exc:
            await refuse_call(answer, message, exc)
        except _EraChanged:
            await self._translate(message, headers, answer)

    async def _translate(self, message: Message, headers: Headers, answer: HttpAnswer) -> None:
        if message.kind == "request":
            await self.translator.post(message, headers, answer)
        else:
            await answer.document(202, [], b"")

    async def _relay_modern(self, message: Message, headers: Headers, answer: HttpAnswer) -> None:
        async def route(generation: Generation) -> Channel:
            if not generation.is_modern:
                raise _EraChanged
            return Channel(generation.upstream, self._limits, version="")

        inspect = freshen if message.method in CACHEABLE else None
        call = Call(message, headers, inspect)
        await Exchange(call, answer, self._gate, self._limits).run(route)

    async def _listen(
        self, message: Message, headers: Headers, answer: HttpAnswer, generation: Generation
    ) -> None:
        if self._open_streams() >= self._limits.max_streams:
            raise Refused(429, f"{self._open_streams()} streams are open already")
        listener = Listener(message, headers, self._limits)
        if generation.is_modern:
            generation.start(listener.feed, generation)
        else:
            try:
                await self.translator.listen(listener, message, headers)
            except EnvelopeRefused as exc:
                await refuse(answer, 400, messages.error(message.id, exc.code, str(exc), exc.data))
                return
        try:
            await self.listeners.serve(listener, answer)
        finally:
            self.translator.unlisten(listener)

    def _open_streams(self) -> int:
        return len(self.listeners) + sum(
            session.stream is not None for session in self.sessions.all()
        )

    async def _legacy(
        self, message: Message, headers: Headers, session_id: bytes | None, send: Send
    ) -> None:
        if message.method == "initialize" and message.kind == "request":
            await self._initialize(message, headers, send)
            return
        if session_id is None:
            await self._relay_sessionless(message, headers, HttpAnswer(send))
            return
        if (session := self.sessions.get(session_id.decode("latin-1"))) is None:
            await _not_found(HttpAnswer(send))
            return
        answer = HttpAnswer(send, [(SESSION, session_id)])
        if message.kind == "response":
            self._start(session.reply, message)
            await answer.document(202, [], b"")
        elif message.method == "notifications/cancelled":
            self._cancel(session, message)
            await answer.document(202, [], b"")
        else:
            await self._carry(session, message, headers, answer)

    async def _carry(
        self, session: Session, message: Message, headers: Headers, answer: HttpAnswer
    ) -> None:
        is_news = message.kind == "notification" and self._learn(session, message)
        if is_news and (self._gate.passes() is None or session.current() is None):
            # A new upstream session hears of it when it is opened, so there is nothing to wait for.
            await answer.document(202, [], b"")
            return
        for kind in KINDS:
            if message.method == f"{kind}/list":
                session.owed.discard(kind)
        inspect = None
        if message.method in LEARNED:
            inspect = self._learning(session, message)
        call = Call(message, headers, inspect)
        if message.kind == "notification" and self._gate.passes() is None:
            # Clients wait with everything else until a notification is accepted.
            later = Exchange(call, Mailbox(), self._gate, self._limits, session)
            self._start(later.run, session.channel_on)
            await answer.document(202, [], b"")
            return
        exchange = Exchange(call, answer, self._gate, self._limits, session)
        await exchange.run(session.channel_on)

    def _learn(self, session: Session, message: Message) -> bool:
        is_news = session.learn(message)
        if is_news:
            self.sessions.save(session)
        return is_news

    def _learning(self, session: Session, message: Message) -> Callable[[JsonObject], bool]:
        def inspect(answer: JsonObject) -> bool:
            if "result" in answer:
                self._learn(session, message)
            return False

        return inspect

    def _cancel(self, session: Session, message: Message) -> None:
        """Pass a cancellation on to where the call is, or end the call while it still waits."""
        request_id = message.params.get("requestId")
        if not isinstance(request_id, str | int):
            return
        call, channel = session.calls.get(request_id), session.carried.get(request_id)
        if channel is None and call is not None:
            call.cancel()
        elif (channel := channel or session.current()) is not None:
            self._start(channel.tell_if_possible, message.body)

    async def _relay_sessionless(
        self, message: Message, headers: Headers, answer: HttpAnswer
    ) -> None:
        """Let the upstream say what it makes of a request without a session: some serve it."""

        async def route(generation: Generation) -> Channel:
            return Channel(generation.upstream, self._limits, version="")

        call = Call(message, headers)
        await Exchange(call, answer, self._gate, self._limits).run(route)

    async def _initialize(self, message: Message, headers: Headers, send: Send) -> None:
        if not self.sessions.has_room():
            await refuse_call(HttpAnswer(send), message, Refused(503, "too many sessions are open"))
            return
        opened: list[tuple[Generation, Channel]] = []

        async def route(generation: Generation) -> Channel:
            opened[:] = [(generation, Channel(generation.upstream, self._limits, version=""))]
            return opened[0][1]

        mailbox = Mailbox()
        call = Call(message, headers, seconds=self._limits.initialize_seconds)
        await Exchange(call, mailbox, self._gate, self._limits).run(route)
        done = await mailbox.end_of_call()
        own_headers: Headers = []
        body = done.body
        with contextlib.suppress(MalformedMessage):
            reply: JsonObject = messages.read_message(body).content
            if "result" in reply and opened:
                session = self._open(message, reply, *opened[0])
                own_headers = [(SESSION, session.id.encode())]
                body = messages.dump(reply)
        await HttpAnswer(send, own_headers).document(done.status, done.headers, body)

    def _open(
        self, message: Message, reply: JsonObject, generation: Generation, channel: Channel
    ) -> Session:
        """A session for a client whose `initialize` the upstream has answered."""
        result = result_of(reply)
        announce_changes(result.get("capabilities"))
        channel.version = str(result.get("protocolVersion", ""))
        session = self.sessions.open(message.content, channel.version)
        session.bind(generation, channel)
        return session

    async def _of_session(
        self, method: str, headers: Headers, receive: Receive, send: Send
    ) -> None:
        session_id = header(headers, SESSION)
        if session_id is None:
            await reject(HttpAnswer(send), 400, f"Missing session ID: {SESSION.decode()}")
            return
        if (session := self.sessions.get(session_id.decode("latin-1"))) is None:
            await _not_found(HttpAnswer(send))
            return
        answer = HttpAnswer(send, [(SESSION, session_id)])
        if method == "DELETE":
            await self._delete(session, answer)
        elif not _accepts_events(headers):
            await reject(answer, 406, "Not Acceptable: the client must accept text/event-stream")
        elif (parked := session.parked.pop(header(headers, LAST_EVENT) or b"", None)) is not None:
            await until_disconnected(
                partial(self._resume, session, parked, headers, answer), receive
            )
        else:
            await until_disconnected(partial(self._stream, session, answer), receive)

    async def _delete(self, session: Session, answer: HttpAnswer) -> None:
        self.sessions.close(session)
        if (channel := session.current()) is not None:
            await channel.goodbye()
        await answer.document(200, [], b"")

    async def _resume(
        self, session: Session, parked: Parked, headers: Headers, answer: HttpAnswer
    ) -> None:
        event_id = header(headers, LAST_EVENT) or b""
        passed = [
            pair for pair in headers if pair[0] not in self._withheld and pair[0] != LAST_EVENT
        ]
        message = Message(b"", "request", {"method": "resumed stream"}, parked.expects)
        exchange = Exchange(Call(message, passed), answer, self._gate, self._limits, session)
        await exchange.resume(parked.channel, event_id)

    async def _stream(self, session: Session, answer: HttpAnswer) -> None:
        """The stream of what belongs to no call. The newest one of a session is in use."""
        if self._open_streams() >= self._limits.max_streams:
            await reject(answer, 429, "too many streams are open", [(b"retry-after", b"5")])
            return
        outlet = Outlet(self._limits)
        if session.stream is not None:
            session.stream.close()
        session.stream = outlet
        for kind in KINDS:
            if kind in session.owed:
                outlet.put(changed_event(kind))
        session.owed.clear()
        if (generation := self._gate.generation) is not None:
            generation.start(feed_session, session, outlet, generation, self._limits)
        try:
            await answer.begin(sse.HEADERS)
            await outlet.run(answer)
        finally:
            if session.stream is outlet:
                session.stream = None
            session.touch()


async def until_disconnected(work: Work, receive: Receive) -> None:
    """Do something for a client; cancel it when the client leaves.

    Most calls are over before it is worth a task to watch for that.
    """
    with anyio.CancelScope() as scope:
        watch = _Watch(receive, scope)
        try:
            await work()
        finally:
            watch.end()


class _Watch:
    """Waits for a client to leave, beginning a moment from now."""

    def __init__(self, receive: Receive, scope: anyio.CancelScope) -> None:
        self._receive = receive
        self._scope = scope
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._scope.cancel()

    def end(self) -> None:
        """Wait no longer."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()


async def refuse_call(answer: HttpAnswer, message: Message, refused: Refused) -> None:
    """Say that a call is not carried out, under its id."""
    method = message.method or message.kind
    data = {"outcome": "not delivered", "reason": refused.reason}
    text = f"`{method}`: {refused}"
    body = messages.error(message.id, messages.CONNECTION_LOST, text, data)
    await refuse(answer, refused.status, body, [(b"retry-after", b"5")])


async def _not_found(answer: HttpAnswer) -> None:
    await reject(answer, 404, "Session not found: it was never opened, was deleted or has expired")


def _accepts_events(headers: Headers) -> bool:
    accepted = header(headers, b"accept") or b""
    return any(kind in accepted for kind in (sse.MEDIA_TYPE, b"text/*", b"*/*"))

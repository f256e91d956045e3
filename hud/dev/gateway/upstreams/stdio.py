"""A program on a pipe as an upstream: it answers what a server over HTTP would, in lines of JSON.

Each session has a pipe of its own, so that clients share nothing. Where there is only one pipe,
as to a container's main process, `SharedPipe` lets sessions share it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable

import anyio

from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.protocol.messages import Message, RequestId
from hud.dev.gateway.upstreams.channel import SESSION
from hud.dev.gateway.upstreams.pipes import OpenPipe, Pipe
from hud.dev.gateway.upstreams.upstream import Headers, Interrupted, Outgoing, header
from hud.errors import describe

STREAM_AFTER = 10.0
"""Seconds after which a silent call is answered with a stream, which can be kept alive."""
MOST_UNHEARD = 100


class _Mail:
    """Messages for one waiting request, or for the stream of what belongs to none."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue()

    def put(self, message: Message | None) -> None:
        """Add a message; None says that no more will come."""
        self._queue.put_nowait(message)

    async def take(self) -> Message | None:
        """The next message."""
        return await self._queue.get()


class _Document:
    """A reply whose body is there already."""

    def __init__(self, status: int, body: bytes = b"", session: str | None = None) -> None:
        self.status = status
        self.headers: Headers = [(b"content-type", b"application/json")]
        if session is not None:
            self.headers.append((SESSION, session.encode()))
        self._body = body

    async def receive(self) -> bytes:
        """The body, then nothing."""
        body, self._body = self._body, b""
        return body

    def finish(self) -> None:
        """There is nothing to read on."""

    def close(self) -> None:
        """There is nothing to close."""


class _EventStream:
    """A reply that streams what arrives; it ends with the answer to `request_id`."""

    def __init__(
        self,
        mail: _Mail,
        first: Message | None,
        request_id: RequestId | None,
        on_close: Callable[[], None],
    ) -> None:
        self.status = 200
        self.headers: Headers = [(b"content-type", sse.MEDIA_TYPE)]
        self._mail = mail
        self._first = first
        self._request_id = request_id
        self._on_close = on_close
        self._is_over = False

    async def receive(self) -> bytes:
        """The next event, empty at the end.

        Raises:
            Interrupted: the program ended.
        """
        if self._is_over:
            return b""
        message, self._first = self._first or await self._mail.take(), None
        if message is None:
            raise Interrupted("stream", "the program ended")
        self._is_over = message.kind == "response" and message.id == self._request_id
        return sse.write_event(message.body)

    def finish(self) -> None:
        """Nobody listens any more."""
        self._on_close()

    def close(self) -> None:
        """Nobody listens any more."""
        self._on_close()


class _Session:
    """One pipe, and who waits for what on it."""

    def __init__(self, pipe: Pipe) -> None:
        self.id = secrets.token_urlsafe(16)
        self.is_over = False
        self._pipe = pipe
        self._waiting: dict[RequestId, _Mail] = {}
        self._tokens: dict[RequestId, RequestId] = {}
        self._stream: _Mail | None = None
        self._unheard: list[Message] = []
        self._reading = asyncio.create_task(self._read())

    async def request(self, message: Message) -> _Document | _EventStream:
        """Send a request; the reply begins with the first thing that is said to it."""
        assert message.id is not None
        mail = self._waiting[message.id] = _Mail()
        if message.progress_token is not None:
            self._tokens[message.progress_token] = message.id
        try:
            await self.send(message)
            first = None
            with anyio.move_on_after(STREAM_AFTER) as timer:
                first = await mail.take()
        except BaseException:
            self._forget(message)
            raise
        if timer.cancelled_caught or (first is not None and first.kind != "response"):
            return _EventStream(mail, first, message.id, lambda: self._forget(message))
        self._forget(message)
        if first is None:
            raise Interrupted("answer", "the program ended before it answered")
        return _Document(200, first.body, self.id)

    async def send(self, message: Message) -> None:
        """Send anything."""
        body = message.body
        if b"\n" in body or b"\r" in body:
            body = messages.dump(message.content)
        if message.method == "notifications/cancelled":
            self._answer_cancelled(message)
        try:
            await self._pipe.write(body)
        except (OSError, RuntimeError) as exc:
            raise Interrupted("send", f"the program ended: {describe(exc)}") from exc

    def stream(self) -> _EventStream:
        """Listen to what belongs to no request."""
        mail = self._stream = _Mail()
        for message in self._unheard:
            mail.put(message)
        self._unheard.clear()
        if self.is_over:
            mail.put(None)
        return _EventStream(mail, None, None, lambda: self._hang_up(mail))

    async def aclose(self) -> None:
        """End the pipe, and everybody's waiting."""
        self._end()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading
        await self._pipe.aclose()

    def _forget(self, message: Message) -> None:
        if message.id is not None:
            self._waiting.pop(message.id, None)
        if message.progress_token is not None:
            self._tokens.pop(message.progress_token, None)

    def _hang_up(self, mail: _Mail) -> None:
        if self._stream is mail:
            self._stream = None

    def _answer_cancelled(self, message: Message) -> None:
        """A program stays silent about a cancelled request; whoever waits for it has to be told."""
        mail = self._waiting.get(message.params.get("requestId", ""))
        if mail is not None:
            body = messages.error(
                message.params["requestId"], messages.REQUEST_CANCELLED, "the request was cancelled"
            )
            mail.put(messages.read_message(body))

    async def _read(self) -> None:
        while line := await self._pipe.read():
            with contextlib.suppress(messages.MalformedMessage):
                message = messages.read_message(line.strip())
                for part in _parts(message):
                    self._deliver(part)
        self._end()

    def _deliver(self, message: Message) -> None:
        if message.kind == "response":
            if (mail := self._waiting.get(message.id or "")) is not None or message.id == 0:
                (mail or self._waiting.get(0, _Mail())).put(message)
        elif (mail := self._meant(message)) is not None:
            mail.put(message)
        elif len(self._unheard) < MOST_UNHEARD:
            self._unheard.append(message)

    def _meant(self, message: Message) -> _Mail | None:
        """Whom a message is for: the request it names, else the only one, else the open stream."""
        if message.method == "notifications/progress":
            request_id = self._tokens.get(message.params.get("progressToken", ""))
            return self._waiting.get(request_id) if request_id is not None else self._stream
        if (
            message.method.endswith("/list_changed")
            or message.method == "notifications/resources/updated"
        ):
            return self._stream
        if len(self._waiting) == 1 or self._stream is None:
            return next(reversed(self._waiting.values()), None)
        return self._stream

    def _end(self) -> None:
        self.is_over = True
        for mail in [*self._waiting.values(), *([self._stream] if self._stream else [])]:
            mail.put(None)


def _parts(message: Message) -> list[Message]:
    if message.kind != "batch":
        return [message]
    return [messages.read_message(messages.dump(part)) for part in message.content]


class StdioUpstream:
    """Answers as a server over HTTP would, with one pipe for each session."""

    watchable = False

    def __init__(
        self,
        name: str,
        open_pipe: OpenPipe,
        *,
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`name` is what messages call it; `open_pipe` starts a server, or reaches one.

        `on_close` runs when the gateway is done with the instance.
        """
        self.name = name
        self._open_pipe = open_pipe
        self._on_close = on_close
        self._sessions: dict[str, _Session] = {}

    async def send(self, outgoing: Outgoing) -> _Document | _EventStream:
        """Answer a request.

        Raises:
            NotDelivered: the program cannot be started.
            Interrupted: it ended before it answered.
        """
        session_id = (header(outgoing.headers, SESSION) or b"").decode("latin-1")
        session = self._sessions.get(session_id)
        if session is not None and session.is_over:
            await self._close(session)
            session = None
        if outgoing.method == "POST":
            return await self._post(session, messages.read_message(outgoing.body), session_id)
        if session is None:
            return _refuse(404 if session_id else 400)
        if outgoing.method == "GET":
            return session.stream()
        await self._close(session)
        return _Document(200)

    async def aclose(self) -> None:
        """End every session's program."""
        async with anyio.create_task_group() as tasks:
            for session in list(self._sessions.values()):
                tasks.start_soon(self._close, session)
        if self._on_close is not None:
            await self._on_close()

    async def _post(
        self, session: _Session | None, message: Message, session_id: str
    ) -> _Document | _EventStream:
        if message.method == "initialize" and message.kind == "request":
            return await self._initialize(message)
        if session is None:
            return _refuse(404 if session_id else 400)
        if message.kind == "request":
            return await session.request(message)
        if message.kind == "batch":
            return _refuse(400)
        await session.send(message)
        return _Document(202)

    async def _initialize(self, message: Message) -> _Document | _EventStream:
        session = _Session(await self._open_pipe())
        try:
            reply = await session.request(message)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await session.aclose()
            raise
        self._sessions[session.id] = session
        if isinstance(reply, _EventStream):
            reply.headers.append((SESSION, session.id.encode()))
        return reply

    async def _close(self, session: _Session) -> None:
        self._sessions.pop(session.id, None)
        await session.aclose()


def _refuse(status: int) -> _Document:
    text = "Session not found" if status == 404 else "Missing session ID"
    return _Document(status, messages.error(None, messages.INVALID_REQUEST, text))

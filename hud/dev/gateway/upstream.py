"""What stands behind the gateway: something that answers HTTP-like requests to one MCP endpoint.

`Upstream` is the seam. `HttpUpstream` reaches a server over TCP or a unix socket; `hud.dev.gateway.stdio`
lets a program's standard input and output answer the same way. Two errors say what a caller may do next:
`NotDelivered` (nothing arrived, so trying again is safe) and `Interrupted` (it may have been acted upon).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlsplit

import anyio
import h11

from hud.errors import ConnectionFailure, UserError, describe

Headers = list[tuple[bytes, bytes]]
Stage = Literal["connect", "initialize", "list", "send", "answer", "body", "stream", "reload"]
"""Where on its way a request was when it failed; `reload` means that a reload overtook it."""

PIECE = 256 * 1024
LONGEST_HEAD = 64 * 1024
IDLE_SECONDS = 2.0
"""An idle connection is not used again after this; servers close theirs after five seconds."""
MOST_IDLE = 64


class UpstreamFailure(ConnectionFailure):
    """The environment's server could not be reached, went away, or spoke nonsense."""

    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason


class NotDelivered(UpstreamFailure):
    """The request surely did not arrive."""

    def __init__(self, reason: str, stage: Stage = "connect") -> None:
        super().__init__(stage, reason)


class Interrupted(UpstreamFailure):
    """The request was under way when the connection failed; what became of it is unknown.

    `status` is the HTTP status, where one came.
    """

    def __init__(self, stage: Stage, reason: str, *, status: int = 0) -> None:
        super().__init__(stage, reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to an upstream's endpoint. Host, length and connection headers are the upstream's."""

    method: Literal["POST", "GET", "DELETE"]
    headers: Headers
    body: bytes = b""


class Reply(Protocol):
    """What an upstream answers: a head, then pieces of a body."""

    status: int
    headers: Headers

    async def receive(self) -> bytes:
        """The next piece of the body, empty at its proper end.

        Raises:
            Interrupted: the connection ended before the body did.
        """

    def close(self) -> None:
        """Be done with the reply, whether it was read to its end or not."""


class Upstream(Protocol):
    """One running instance of an environment's MCP server."""

    name: str
    """What messages call it."""
    watchable: bool
    """Whether a stream of its own tells the gateway when it restarts."""

    async def send(self, outgoing: Outgoing) -> Reply:
        """Send a request; returns when the head of the answer is there.

        Raises:
            NotDelivered: it could not be reached.
            Interrupted: it went away before it answered.
        """

    async def aclose(self) -> None:
        """End every connection and whatever belongs to the instance."""


def header(headers: Headers, name: bytes) -> bytes | None:
    """The value of the first header of that lower-case name."""
    return next((value for key, value in headers if key == name), None)


def media_type(reply: Reply) -> bytes:
    """The reply's media type without parameters, in lower case."""
    return (header(reply.headers, b"content-type") or b"").split(b";")[0].strip().lower()


async def read_all(reply: Reply, limit: int) -> bytes:
    """The whole body.

    Raises:
        Interrupted: it ended early, or has more than `limit` bytes.
    """
    pieces: list[bytes] = []
    size = 0
    while piece := await reply.receive():
        size += len(piece)
        if size > limit:
            raise Interrupted("body", f"the answer has more than {limit} bytes")
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class HttpUpstream:
    """A server that speaks streamable HTTP, over TCP or a unix socket. Redirects are not followed."""

    watchable = True

    def __init__(
        self,
        url: str,
        *,
        socket_path: str | None = None,
        host: str | None = None,
        connect_seconds: float = 10.0,
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Describe a server; nothing is opened yet.

        `socket_path` is a unix socket to use instead of the URL's host. `host` is the Host header:
        by default `localhost:PORT`, which servers in containers accept too, or the URL's own for
        HTTPS and domain names. `on_close` runs when the gateway is done with the instance.

        Raises:
            UserError: the URL is not an HTTP URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(
                f"`{url}` is not an HTTP URL", hint="give one like http://127.0.0.1:8000/mcp"
            )
        self.name = url if socket_path is None else f"{socket_path} ({parts.path or '/'})"
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._address = parts.hostname
        self._socket_path = socket_path
        self._target = ((parts.path or "/") + (f"?{parts.query}" if parts.query else "")).encode()
        self._host = (
            host or _host_header(parts.hostname, self._port, tls=bool(self._tls))
        ).encode()
        self._connect_seconds = connect_seconds
        self._on_close = on_close
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    async def send(self, outgoing: Outgoing) -> HttpReply:
        """Send a request; returns when the head of the answer is there.

        Raises:
            NotDelivered: no connection could be made within the limit.
            Interrupted: the connection failed before an answer came.
        """
        connection = self._reusable() or await self._connect()
        try:
            await connection.send(self._request(outgoing), outgoing.body)
            status, headers = await connection.head()
        except BaseException:
            self._release(connection)
            raise
        return HttpReply(connection, status, headers, self._release)

    async def aclose(self) -> None:
        """Close all connections, then run `on_close`."""
        for connection in list(self._open):
            connection.abort()
        self._open.clear()
        self._idle.clear()
        if self._on_close is not None:
            await self._on_close()

    def _request(self, outgoing: Outgoing) -> h11.Request:
        headers = [(b"host", self._host), *outgoing.headers]
        if outgoing.method == "POST":
            headers.append((b"content-length", b"%d" % len(outgoing.body)))
        return h11.Request(method=outgoing.method, target=self._target, headers=headers)

    def _reusable(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh():
                return connection
            self._open.discard(connection)
            connection.abort()
        return None

    async def _connect(self) -> _Connection:
        try:
            with anyio.fail_after(self._connect_seconds):
                reader, writer = await self._dial()
        except TimeoutError:
            reason = f"no connection to {self.name} within {self._connect_seconds:g} s"
            raise NotDelivered(reason) from None
        except (OSError, ssl.SSLError) as exc:
            raise NotDelivered(f"cannot connect to {self.name}: {describe(exc)}") from exc
        connection = _Connection(reader, writer)
        self._open.add(connection)
        return connection

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._socket_path is not None:
            return await asyncio.open_unix_connection(self._socket_path, limit=PIECE)
        return await asyncio.open_connection(self._address, self._port, ssl=self._tls, limit=PIECE)

    def _release(self, connection: _Connection) -> None:
        if connection in self._open and len(self._idle) < MOST_IDLE and connection.recycle():
            self._idle.append(connection)
            return
        self._open.discard(connection)
        connection.abort()


def _host_header(hostname: str, port: int, *, tls: bool) -> str:
    if tls or not _is_local(hostname):
        return hostname if port in (80, 443) else f"{hostname}:{port}"
    return f"localhost:{port}"


def _is_local(hostname: str) -> bool:
    """Whether it is an address or a name without a domain, as containers have."""
    if "." not in hostname and ":" not in hostname:
        return True
    try:
        ipaddress.ip_address(hostname)
    except ValueError:
        return False
    return True


class HttpReply:
    """The answer on one connection, which is used again when the answer was read to its end."""

    def __init__(
        self,
        connection: _Connection,
        status: int,
        headers: Headers,
        release: Callable[[_Connection], None],
    ) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection
        self._release = release
        self._closed = False

    async def receive(self) -> bytes:
        """The next piece of the body, empty at its proper end.

        Raises:
            Interrupted: the connection ended before the body did.
        """
        return await self._connection.body()

    def close(self) -> None:
        """Give the connection back, or end it if the answer was not read to its end."""
        if not self._closed:
            self._closed = True
            self._release(self._connection)


class _Connection:
    """One HTTP/1.1 connection, carrying one exchange at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        self._idle_since = 0.0

    async def send(self, request: h11.Request, body: bytes) -> None:
        """Write a request. A failure is left to `head`: a server may answer before it reads all."""
        send = self._protocol.send
        head = send(request) or b""
        self._writer.write(head)
        if body:
            self._writer.write(send(h11.Data(data=body)) or b"")
        send(h11.EndOfMessage())
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def head(self) -> tuple[int, Headers]:
        """Wait for the head of the answer, past interim ones."""
        while True:
            event = await self._next("answer")
            if isinstance(event, h11.Response):
                return event.status_code, list(event.headers)
            if not isinstance(event, h11.InformationalResponse):
                raise Interrupted("answer", "the connection was closed before an answer came")

    async def body(self) -> bytes:
        """The next piece of the body, empty at its end."""
        if self._protocol.their_state is not h11.SEND_BODY:
            return b""
        event = await self._next("body")
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def _next(self, stage: Stage) -> object:
        has_ended = False
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                piece = await self._reader.read(PIECE)
                has_ended = not piece
                self._protocol.receive_data(piece)
        except h11.RemoteProtocolError as exc:
            reason = f"the answer is not proper HTTP: {exc}"
            if has_ended:
                reason = "the connection was closed before the answer was complete"
            raise Interrupted(stage, reason) from exc
        except (OSError, ssl.SSLError) as exc:
            raise Interrupted(stage, f"the connection was lost: {describe(exc)}") from exc
        return event

    def is_fresh(self) -> bool:
        """Whether an idle connection can be trusted to be open still."""
        is_young = time.monotonic() - self._idle_since < IDLE_SECONDS
        return is_young and not self._reader.at_eof() and not self._writer.is_closing()

    def recycle(self) -> bool:
        """Make ready for the next exchange; False if that is not possible."""
        if not (self._protocol.our_state is self._protocol.their_state is h11.DONE):
            return False
        self._protocol.start_next_cycle()
        self._idle_since = time.monotonic()
        return not self._reader.at_eof()

    def abort(self) -> None:
        """Close at once."""
        self._writer.transport.abort()

"""A server that is reached over HTTP, on TCP or a unix socket."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import anyio

from hud.dev.gateway.upstreams.connection import PIECE, Connection
from hud.dev.gateway.upstreams.upstream import Headers, Interrupted, NotDelivered, Outgoing
from hud.errors import UserError, describe

MOST_IDLE = 64
FINISH_SECONDS = 1.0
"""How long the end of an answer that has said everything may take to come."""


class HttpUpstream:
    """A server that speaks streamable HTTP, on TCP or a unix socket. Redirects are not followed."""

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
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._finishing: set[asyncio.Task[None]] = set()

    async def send(self, outgoing: Outgoing) -> HttpReply:
        """Send a request; returns when the head of the answer is there.

        Raises:
            NotDelivered: no connection could be made within the limit.
            Interrupted: the connection failed before an answer came.
        """
        connection = self._reusable() or await self._connect()
        try:
            await connection.send(self._request(outgoing))
            status, headers = await connection.head()
        except BaseException:
            self.release(connection)
            raise
        return HttpReply(connection, status, headers, self)

    async def aclose(self) -> None:
        """Close all connections, then run `on_close`."""
        for task in self._finishing:
            task.cancel()
        for connection in list(self._open):
            connection.abort()
        self._open.clear()
        self._idle.clear()
        if self._on_close is not None:
            await self._on_close()

    def _request(self, outgoing: Outgoing) -> bytes:
        lines = [
            b"%s %s HTTP/1.1\r\nhost: %s" % (outgoing.method.encode(), self._target, self._host)
        ]
        lines += [b"%s: %s" % pair for pair in outgoing.headers]
        if outgoing.method == "POST":
            lines.append(b"content-length: %d" % len(outgoing.body))
        return b"\r\n".join([*lines, b"", outgoing.body])

    def _reusable(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh():
                return connection
            self._open.discard(connection)
            connection.abort()
        return None

    async def _connect(self) -> Connection:
        try:
            with anyio.fail_after(self._connect_seconds):
                reader, writer = await self._dial()
        except TimeoutError:
            reason = f"no connection to {self.name} within {self._connect_seconds:g} s"
            raise NotDelivered(reason) from None
        except (OSError, ssl.SSLError) as exc:
            raise NotDelivered(f"cannot connect to {self.name}: {describe(exc)}") from exc
        connection = Connection(reader, writer)
        self._open.add(connection)
        return connection

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._socket_path is not None:
            return await asyncio.open_unix_connection(self._socket_path, limit=PIECE)
        return await asyncio.open_connection(self._address, self._port, ssl=self._tls, limit=PIECE)

    def finish(self, connection: Connection) -> None:
        """Read the end of an answer, if it comes soon, so that its connection can be used again."""

        async def read_on() -> None:
            try:
                async with asyncio.timeout(FINISH_SECONDS):
                    while await connection.body():
                        pass
            except (TimeoutError, Interrupted):
                pass
            finally:
                self.release(connection)

        task = asyncio.create_task(read_on())
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    def release(self, connection: Connection) -> None:
        """Keep a connection for the next request, or end it if it cannot be used again."""
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
        connection: Connection,
        status: int,
        headers: Headers,
        upstream: HttpUpstream,
    ) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection
        self._upstream = upstream
        self._closed = False

    async def receive(self) -> bytes:
        """The next piece of the body, empty at its proper end.

        Raises:
            Interrupted: the connection ended before the body did.
        """
        return await self._connection.body()

    def finish(self) -> None:
        """Let the end of the answer be read without anybody waiting for it."""
        if not self._closed:
            self._closed = True
            self._upstream.finish(self._connection)

    def close(self) -> None:
        """Give the connection back, or end it if the answer was not read to its end."""
        if not self._closed:
            self._closed = True
            self._upstream.release(self._connection)

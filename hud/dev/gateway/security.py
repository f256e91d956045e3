"""What every request has to pass before anything reads it: Host, Origin, size, and time to arrive.

Web pages can reach ports of this machine. A page of another site names its own host (after DNS
rebinding) or its own origin; both are refused, on every route, and no answer allows any origin.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from hud.dev.gateway.answer import HttpAnswer, reject
from hud.dev.gateway.options import Limits

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?", re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(r"https?://(.+)", re.ASCII | re.IGNORECASE)


class Callers:
    """Tells requests for this machine, made by its own pages or by no page, from all others."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        """`hosts` are names of this machine beside its own, without a port."""
        self._hosts = LOCAL_HOSTS | {host.lower() for host in hosts}

    def complaint(self, hosts: list[str], origins: list[str]) -> tuple[int, str] | None:
        """What is wrong with a request's Host and Origin headers: the status, and the reason."""
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return 421, "Host is not this machine"
        if len(origins) > 1 or not all(self._is_our_origin(value) for value in origins):
            return 403, "Origin is not this machine"
        return None

    def _is_ours(self, authority: str) -> bool:
        found = _AUTHORITY.fullmatch(authority)
        return found is not None and found[1].lower() in self._hosts

    def _is_our_origin(self, value: str) -> bool:
        found = _ORIGIN.fullmatch(value)
        return found is not None and self._is_ours(found[1])


class Guard:
    """ASGI middleware: 421 for a foreign Host, 403 for a foreign Origin; 413, 415 and 431."""

    def __init__(self, app: ASGIApp, limits: Limits, hosts: Iterable[str] = ()) -> None:
        """Let requests for this machine through, and for `hosts`: names without a port."""
        self._app = app
        self._limits = limits
        self._callers = Callers(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (complaint := self._complaint(scope)) is not None:
            status, reason = complaint
            await reject(HttpAnswer(send), status, reason, [(b"connection", b"close")])
            return
        await self._app(scope, receive, send)

    def _complaint(self, scope: Scope) -> tuple[int, str] | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
        if (complaint := self._callers.complaint(hosts, origins)) is not None:
            return complaint
        if sum(len(name) + len(value) for name, value in headers) > self._limits.max_header:
            return 431, f"the headers have more than {self._limits.max_header} bytes"
        return self._body_complaint(scope["method"], headers)

    def _body_complaint(
        self, method: str, headers: list[tuple[bytes, bytes]]
    ) -> tuple[int, str] | None:
        named = dict(headers)
        length = named.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._limits.max_body:
            return 413, f"the body has more than {self._limits.max_body} bytes"
        kind = named.get(b"content-type", b"").split(b";")[0].strip().lower()
        if method == "POST" and kind != b"application/json":
            return 415, "Content-Type is not application/json"
        return None


class BodyRefused(Exception):
    """A body that is too large or too slow; `status` says which."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def read_body(receive: Receive, limits: Limits) -> bytes | None:
    """The whole body of a request; None if the client left.

    Raises:
        BodyRefused: it is larger or slower than the limits allow.
    """
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _collect(receive, limits)
    except TimeoutError:
        raise BodyRefused(408, f"no body within {limits.body_seconds:g} s") from None


async def _collect(receive: Receive, limits: Limits) -> bytes | None:
    collected = bytearray()
    while (message := await receive())["type"] == "http.request":
        collected += message.get("body", b"")
        if len(collected) > limits.max_body:
            raise BodyRefused(413, f"the body has more than {limits.max_body} bytes")
        if not message.get("more_body", False):
            return bytes(collected)
    return None

"""What every request has to pass before anything reads it: Host, Origin, token, type and size.

Web pages can reach ports of this machine. A page of another site names its own host (after DNS
rebinding) or its own origin; both are refused, on every route, and no answer allows any origin.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.model_gateway.refusal import PREFIX
from controller.security.problems import refuse
from controller.security.token import is_same
from hud.dev.gateway.security import Callers
from hud.wire.platform import API_PREFIX, Problem

OPEN_PATHS = frozenset({f"{API_PREFIX}/health"})
"""Paths that need no token."""
JSON = "application/json"
MIB = 1024 * 1024
MAX_BODY = 64 * MIB
MAX_ARCHIVE = 2048 * MIB
MAX_HEADER = 64 * 1024
FOREIGN_HOST_HINT = "add the name to HUD_ALLOWED_HOSTS of the controller"
BODY_SECONDS = 60.0
"""How long a client may be silent in the middle of its request."""

_OTHER_TYPES = {
    re.compile(rf"{API_PREFIX}/deployments"): ("application/gzip", MAX_ARCHIVE),
    re.compile(rf"{API_PREFIX}/tasksets/[^/]+/import"): ("text/csv", MAX_BODY),
}
"""Paths whose body is not JSON: what it is, and how many bytes it may have."""
ANSWER_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


class Guard:
    """ASGI middleware: 421 for a foreign Host, 403 for a foreign Origin, 401 without the token,
    415 for a body of another type, 413 and 431 for too many bytes.
    """

    def __init__(self, app: ASGIApp, *, token: str, hosts: Iterable[str] = ()) -> None:
        """Let requests with `token` through that name this machine or one of `hosts` (names
        without a port).
        """
        self._app = app
        self._token = token
        self._callers = Callers(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind, limit = _body_of(scope["path"])
        headers = Headers(scope=scope)
        problem = self._complaint(scope["path"], headers) or _misfit(headers, kind, limit)
        if problem is not None:
            await refuse(problem, scope, receive, send)
            return
        await self._app(scope, bounded(receive, limit), _with_headers(send))

    def _complaint(self, path: str, headers: Headers) -> Problem | None:
        """Who calls, and from where."""
        complaint = self._callers.complaint(headers.getlist("host"), headers.getlist("origin"))
        if complaint is not None:
            status, reason = complaint
            return _problem(status, reason, FOREIGN_HOST_HINT if status == 421 else None)
        if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADER:
            return _problem(431, f"the headers have more than {MAX_HEADER} bytes")
        if path not in OPEN_PATHS and not self._has_token(path, headers):
            return _problem(401, "the token is missing or wrong", "`hud token` shows it")
        return None

    def _has_token(self, path: str, headers: Headers) -> bool:
        shown = headers.getlist("authorization")
        if len(shown) == 1:
            scheme, _, value = shown[0].partition(" ")
            return scheme.lower() == "bearer" and is_same(value.strip(), self._token)
        # Below that prefix ask clients of model providers.
        keys = headers.getlist("x-api-key") if path.startswith(PREFIX) else []
        return not shown and len(keys) == 1 and is_same(keys[0], self._token)


def _body_of(path: str) -> tuple[str, int]:
    """The type that a body at a path has to have, and the most bytes."""
    for pattern, (kind, limit) in _OTHER_TYPES.items():
        if pattern.fullmatch(path):
            return kind, limit
    return JSON, MAX_BODY


def _misfit(headers: Headers, kind: str, limit: int) -> Problem | None:
    """What is wrong with the body, as far as the headers tell."""
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        return _problem(400, "Content-Length is not a number")
    if len(length) > 18 or int(length) > limit:
        return _problem(413, _too_large(limit))
    given = headers.get("content-type")
    has_body = int(length) > 0 or "transfer-encoding" in headers
    if (has_body or given) and (given or "").split(";")[0].strip().lower() != kind:
        return _problem(415, f"Content-Type is not {kind}")
    return None


def _problem(status: int, detail: str, hint: str | None = None) -> Problem:
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, hint=hint)


def _too_large(limit: int) -> str:
    return f"the body has more than {limit // MIB} MiB"


def bounded(receive: Receive, limit: int, seconds: float = BODY_SECONDS) -> Receive:
    """`receive`, which ends a request whose body has more than `limit` bytes, or of which nothing
    comes for `seconds`.
    """
    taken = 0
    is_whole = False

    async def receive_bounded() -> Message:
        nonlocal taken, is_whole
        try:
            async with asyncio.timeout(None if is_whole else seconds):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, f"nothing of the body came for {seconds:g} s") from None
        taken += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if taken > limit:
            raise HTTPException(413, _too_large(limit))
        return message

    return receive_bounded


def _with_headers(send: Send) -> Send:
    """`send`, which keeps answers out of caches and from being taken for something else."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ANSWER_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers

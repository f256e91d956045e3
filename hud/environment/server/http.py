"""An environment over Streamable HTTP: the application, who may call it, and its server."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware

from hud.environment.server.protocol import protocol_server
from hud.environment.server.sessions import Limits
from hud.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from hud.environment.environment import Environment

logger = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
EVERY_INTERFACE = ("0.0.0.0", "::", "")
WITHOUT_EFFECT = (
    *("event_store", "log_level", "show_banner", "stateless", "stateless_http", "transport"),
)
"""What servers of the original took, and this one needs not: a client without a session is served
as well as one that has one.
"""
GRACE = 3
"""Seconds that requests under way have to finish when the server stops."""
MAX_BODY = 32 * 1024 * 1024
"""Bytes of the largest request; answers and arguments travel in it."""


@dataclass(frozen=True)
class HttpOptions:
    """How an environment is served over HTTP."""

    host: str = "127.0.0.1"
    port: int = 8000
    path: str = "/mcp"
    allowed_hosts: Sequence[str] = ()
    """Host names by which clients may call the server, besides loopback names and `host`."""
    json_response: bool = False
    """Answer with JSON instead of an event stream; a call then sends nothing until it ends."""
    session_idle_timeout: float | None = 1800.0
    """Seconds without a request after which a session and its scenario end; None for never."""
    max_sessions: int = 10_000
    middleware: Sequence[Middleware] = ()
    """Starlette's middleware, the outermost first."""
    uvicorn_config: Mapping[str, Any] | None = None
    """Further settings of uvicorn, where this serves and not an application of yours."""


def read_options(given: Mapping[str, Any]) -> HttpOptions:
    """Options as authors give them; those about the looks of the original's library are ignored.

    Raises:
        UserError: an option is unknown.
    """
    names = [field.name for field in fields(HttpOptions)]
    for name in given:
        if name not in (*names, *WITHOUT_EFFECT):
            raise UserError(f"unknown option {name!r} for serving", hint=did_you_mean(name, names))
    return HttpOptions(**{name: value for name, value in given.items() if name in names})


def http_app(env: Environment, path: str = "/mcp", **options: Any) -> Starlette:
    """The environment as an ASGI application; its lifespan enters and leaves the environment.

    `options` are the fields of `HttpOptions`. An application that mounts this one has to run its
    lifespan: `FastAPI(lifespan=app.lifespan)`.

    Raises:
        UserError: an option is unknown.
    """
    app = _app(env, read_options({"path": path, **options}))
    app.__dict__["lifespan"] = app.router.lifespan_context
    return app


def _app(env: Environment, options: HttpOptions) -> Starlette:
    limits = Limits(options.session_idle_timeout, options.max_sessions)
    app = protocol_server(env, limits, tells_detail=False).streamable_http_app(
        streamable_http_path=f"/{options.path.strip('/')}",
        json_response=options.json_response,
        max_request_body_size=MAX_BODY,
        session_idle_timeout=options.session_idle_timeout,
        max_sessions=options.max_sessions,
        transport_security=allowed_callers(options.host, options.allowed_hosts),
        custom_starlette_routes=env.routes,
    )
    for layer in reversed(options.middleware or ()):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    return app


def allowed_callers(host: str, allowed_hosts: Sequence[str] = ()) -> TransportSecuritySettings:
    """The Host and Origin headers that are let in.

    This keeps web pages from reaching for servers on this machine. Also where `host` is every
    interface, as in a container, only loopback names and `allowed_hosts` are let in.
    """
    own = () if host in EVERY_INTERFACE else (f"[{host}]" if ":" in host else host,)
    names = dict.fromkeys((*LOOPBACK, *own, *allowed_hosts))
    hosts = [pattern for name in names for pattern in (name, f"{name}:*")]
    origins = [f"{scheme}://{pattern}" for scheme in ("http", "https") for pattern in hosts]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)


class _Server(uvicorn.Server):
    """Leaves at a signal without raising it again, so that whoever serves can clean up first."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


async def serve_http(env: Environment, options: HttpOptions) -> None:
    """Serve until stopped by a signal or cancelled; requests under way get a moment to finish.

    Raises:
        UserError: the address cannot be used.
        InitializeFailure, ConnectionFailure: the environment could not be entered.
    """
    with _listen(options) as listener:
        host, port = listener.getsockname()[:2]
        logger.info("serving `%s` at http://%s:%d%s", env.name, host, port, options.path)
        await serve_listener(env, options, listener)


async def serve_listener(env: Environment, options: HttpOptions, listener: socket.socket) -> None:
    """Serve on a socket that listens already, TCP or unix, as `serve_http` does."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        # asyncio does this for sockets that it made itself; without it short answers wait 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    app = _app(env, options)
    settings = {
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "timeout_graceful_shutdown": GRACE,
        **(options.uvicorn_config or {}),
        "lifespan": "off",
    }
    config = uvicorn.Config(app, **settings)
    async with app.router.lifespan_context(app):
        await _until_stopped(_Server(config), listener)


async def _until_stopped(server: _Server, listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


def _listen(options: HttpOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family, backlog=2048)
    except OSError as exc:
        raise UserError(
            f"cannot serve at {options.host}:{options.port}: {exc.strerror or exc}",
            hint="choose another `port`",
        ) from exc

"""One version of an environment on a socket of its own, for the gateway."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from hud.dev.forking.play import add_play
from hud.environment.environment import Environment
from hud.environment.server.http import MAX_BODY, allowed_callers
from hud.environment.server.protocol import protocol_server
from hud.environment.server.sessions import Limits

GRACE_SECONDS = 2
"""Seconds that requests under way have when the version is told to end."""


class _Server(uvicorn.Server):
    """Ends when `should_exit` is set; signals are somebody else's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def http_config(app: ASGIApp) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        app,
        access_log=False,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=3600,
        ws="none",
    )


async def serve(
    env: Environment, listener: socket.socket, on_ready: Callable[[], None], *, plays: bool
) -> None:
    """Serve until SIGTERM. `on_ready` is called when the environment has been initialized.

    The gateway is the only one that can reach the socket, and it has looked at who may call.

    Raises:
        HudError: the environment could not be initialized.
    """
    server = protocol_server(env, Limits(idle_timeout=None), tells_detail=False)
    if plays:
        add_play(server, env)
    app = server.streamable_http_app(
        max_request_body_size=MAX_BODY,
        session_idle_timeout=None,
        transport_security=allowed_callers(""),
    )
    async with app.router.lifespan_context(app):
        http = _Server(http_config(app))
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGTERM, setattr, http, "should_exit", True
        )
        on_ready()
        await http.serve([listener])

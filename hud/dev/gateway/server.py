"""Serving a gateway over HTTP, and ending it when the process is told to end."""

from __future__ import annotations

import socket

import uvicorn

from hud.dev.gateway.control import Gateway
from hud.dev.gateway.options import Limits

KEEP_ALIVE_SECONDS = 65
CLOSE_SECONDS = 2


class GatewayServer(uvicorn.Server):
    """A server that closes its gateway before it waits for connections to end.

    Open streams would otherwise never end, and the server would wait for them.
    """

    def __init__(
        self, gateway: Gateway, *, host: str, port: int, limits: Limits | None = None
    ) -> None:
        """Prepare to serve; `serve()` runs until SIGINT, SIGTERM, or `should_exit` is set."""
        config = uvicorn.Config(
            gateway.app,
            host=host,
            port=port,
            access_log=False,
            date_header=False,
            h11_max_incomplete_event_size=(limits or Limits()).max_header,
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=CLOSE_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            ws="none",
        )
        super().__init__(config)
        self._gateway = gateway

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; on sockets that were opened elsewhere, too, answers leave without delay."""
        for listener in sockets or []:
            if listener.family != socket.AF_UNIX:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the gateway, then the connections."""
        await self._gateway.close()
        await super().shutdown(sockets)

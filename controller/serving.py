"""Serves the HTTP API and the environments until told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from controller.app import create_app
from controller.mcp import create_mcp_app
from controller.platform import Platform
from controller.settings import ControllerSettings, get_settings
from hud.dev.ports import listen
from hud.errors import HudError, UserError

KEEP_ALIVE_SECONDS = 65
CLOSE_SECONDS = 3
LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_log = logging.getLogger("controller")


class Server(uvicorn.Server):
    """A server of several in one process: signals are the process's matter."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


def serve() -> int:
    """Run the controller; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)
    for noisy in ("alembic", "watchfiles", "httpx2", "httpx", "mcp", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        asyncio.run(_run(get_settings()))
    except HudError as exc:
        _log.error("%s%s", exc.message, f" (hint: {exc.hint})" if exc.hint else "")
        return 2 if isinstance(exc, UserError) else 1
    return 0


async def _run(settings: ControllerSettings) -> None:
    with (
        _listening(settings.api_host, settings.api_port, "HUD_API_PORT") as api,
        _listening(settings.mcp_host, settings.mcp_port, "HUD_MCP_PORT") as mcp,
    ):
        ports = [found[0].getsockname()[1] for found in (api, mcp)]
        actual = dict(zip(("api_port", "mcp_port"), ports, strict=True))
        async with Platform.open(settings.model_copy(update=actual)) as platform:
            _log.info("API at %s/api/v1", platform.settings.api_url)
            _log.info("MCP at %s/mcp", platform.settings.mcp_url)
            servers = {
                _server(create_app(platform)): api,
                _server(create_mcp_app(platform)): mcp,
            }
            await _serve(platform, servers)


async def _serve(platform: Platform, servers: dict[Server, list[socket.socket]]) -> None:
    """Serve until a signal comes or a server ends; what is under way gets a moment to finish."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        platform.closing.set()
        for server in servers:
            server.should_exit = True

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        async with asyncio.TaskGroup() as group:
            for server, listeners in servers.items():
                group.create_task(server.serve(listeners)).add_done_callback(lambda _: stop())
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def _server(app: ASGIApp) -> Server:
    config = uvicorn.Config(
        app,
        access_log=False,
        date_header=False,
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=CLOSE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ws="none",
    )
    return Server(config)


@contextlib.contextmanager
def _listening(host: str, port: int, variable: str) -> Iterator[list[socket.socket]]:
    try:
        listeners = listen(host.strip("[]"), port)
    except UserError as exc:
        raise UserError(exc.message, hint=f"end it, or set {variable} to another port") from exc
    with contextlib.ExitStack() as stack:
        for listener in listeners:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stack.enter_context(listener)
        yield listeners

"""`python -m controller`: serve the HTTP API and the environments until told to end."""

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
from hud.errors import HudError, UserError

KEEP_ALIVE_SECONDS = 65
CLOSE_SECONDS = 3
BACKLOG = 2048
LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_log = logging.getLogger("controller")


class Server(uvicorn.Server):
    """A server of several in one process: signals are the process's matter."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


def main() -> int:
    """Run the controller; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)
    for noisy in ("httpx2", "httpx", "mcp"):
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
        actual = {"api_port": api.getsockname()[1], "mcp_port": mcp.getsockname()[1]}
        async with Platform.open(settings.model_copy(update=actual)) as platform:
            _log.info("API at %s/api/v1", platform.settings.api_url)
            _log.info("MCP at %s/mcp", platform.settings.mcp_url)
            servers = {
                _server(create_app(platform)): api,
                _server(create_mcp_app(platform)): mcp,
            }
            await _serve(platform, servers)


async def _serve(platform: Platform, servers: dict[Server, socket.socket]) -> None:
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
            for server, listener in servers.items():
                group.create_task(server.serve([listener])).add_done_callback(lambda _: stop())
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
def _listening(host: str, port: int, variable: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((host.strip("[]"), port))
        except OSError as exc:
            reason = f"cannot listen at {host}:{port}: {exc.strerror}"
            raise UserError(reason, hint=f"set {variable} to a free port") from exc
        listener.listen(BACKLOG)
        listener.setblocking(False)
        yield listener


if __name__ == "__main__":
    sys.exit(main())

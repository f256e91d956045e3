"""A context that outlives the processes which use it: v4 environments keep their browser in one.

A program serves one object at a Unix socket; servers that come and go attach to it and call its
methods, whose arguments and results are copied between the processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

from hud.errors import StartFailure
from hud.settings import variable

AUTHKEY = b"hud-context"
PATIENCE = 5.0
"""Seconds that a server which is starting is waited for."""


class ContextServer:
    """Serves an object in threads of this process until it is shut down."""

    def __init__(self, instance: Any, address: str, authkey: bytes) -> None:
        self.address = address
        manager = _manager(address, authkey, lambda: instance)
        # typeshed does not know what of the server there is to stop it with.
        self._server: Any = manager.get_server()
        self._thread = threading.Thread(target=self._serve, name="context server", daemon=True)

    def _serve(self) -> None:
        with contextlib.suppress(SystemExit):  # how the library's server ends
            self._server.serve_forever()

    def start(self) -> ContextServer:
        """Begin to serve."""
        self._thread.start()
        return self

    def shutdown(self) -> None:
        """Serve no more, and remove the socket; safe to call more than once."""
        stop = getattr(self._server, "stop_event", None)
        if stop is not None:
            stop.set()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE)
        self._server.listener.close()
        Path(self.address).unlink(missing_ok=True)


def serve_context(
    context_instance: Any, sock_path: str | None = None, authkey: bytes = AUTHKEY
) -> ContextServer:
    """Serve an object at a Unix socket (`HUD_CTX_SOCK`, else one in the folder for temporary
    files).

    Returns the server; `shutdown()` ends it.

    Raises:
        StartFailure: another server answers at this socket.
    """
    address = _address(sock_path)
    if _is_answered(address):
        raise StartFailure(
            f"a context server is running at `{address}`",
            hint="stop it, or give this one another HUD_CTX_SOCK",
        )
    Path(address).unlink(missing_ok=True)
    return ContextServer(context_instance, address, authkey).start()


async def run_context_server(
    context_instance: Any, sock_path: str | None = None, authkey: bytes = AUTHKEY
) -> None:
    """Serve an object until cancelled or interrupted; see `serve_context`."""
    server = serve_context(context_instance, sock_path, authkey)
    try:
        await asyncio.Event().wait()
    finally:
        server.shutdown()


def attach_context(
    sock_path: str | None = None, authkey: bytes = AUTHKEY, *, patience: float = PATIENCE
) -> Any:
    """The object that a context server serves; a server that is starting is waited for.

    Raises:
        StartFailure: none answers within `patience` seconds.
    """
    address = _address(sock_path)
    manager: Any = _manager(address, authkey, None)
    deadline = time.monotonic() + patience
    while True:
        try:
            manager.connect()
            return manager.get_context()
        except (FileNotFoundError, ConnectionError) as exc:
            if time.monotonic() > deadline:
                raise StartFailure(
                    f"no context server answers at `{address}`",
                    hint="start it first: `asyncio.run(run_context_server(context))`",
                ) from exc
            time.sleep(0.05)


def _manager(address: str, authkey: bytes, instance: Callable[[], Any] | None) -> BaseManager:
    class Manager(BaseManager):
        """Knows one name: registrations belong to the class."""

    Manager.register("get_context", callable=instance)
    return Manager(address=address, authkey=authkey)


def _address(given: str | None) -> str:
    return given or variable("HUD_CTX_SOCK") or str(Path(tempfile.gettempdir(), "hud_ctx.sock"))


def _is_answered(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(address) == 0

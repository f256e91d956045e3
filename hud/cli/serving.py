"""What `hud dev` does once its command line is read: serve, print what happens, and end in time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hud.cli import console
from hud.cli.devlog import DevLog, show_line
from hud.cli.interactive import interact
from hud.dev.backend import Backend
from hud.dev.commands import CommandBackend
from hud.dev.forking.backend import ForkedBackend
from hud.dev.forking.launch import Launched
from hud.dev.front import DevGateway
from hud.dev.gateway import GatewayServer, HttpUpstream, Limits
from hud.dev.ports import EVERY_INTERFACE
from hud.dev.session import DevSession, Failed
from hud.dev.stdio import claimed_streams, serve_stdio
from hud.dev.target import Source
from hud.dev.watcher import WatchList, needs_polling, require_watching
from hud.settings import USER_DIR

if TYPE_CHECKING:
    from hud.cli.dev import DevOptions

LIMITS = Limits(close_seconds=2.0)
STOP_SECONDS = 9.0
"""Seconds that everything has to end in; what has not by then is cut off."""
MOUNTS = Path("/proc/mounts")


async def run(
    source: Source,
    options: DevOptions,
    listeners: list[socket.socket],
    launched: Launched | None,
) -> int:
    """Serve until told to stop; returns the exit status.

    Raises:
        HudError: something that was asked for cannot be done.
    """
    watched = _watch_list(options)
    async with AsyncExitStack() as stack:
        streams = stack.enter_context(claimed_streams()) if options.stdio else None
        gateway = await stack.enter_async_context(_gateway(source, options))
        log = DevLog(gateway, _url(options, listeners), inspector=options.inspector)
        log.show_start([watched.relative(path) for path in watched.paths], _own_command())
        if source.url is not None:
            watching = asyncio.create_task(_show_events(gateway, log))

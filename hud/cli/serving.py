"""What `hud dev` does once its command line is read: serve, print what happens, and end in time."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hud.cli.devlog import DevLog, show_line
from hud.cli.interactive import interact
from hud.dev.backend import Backend
from hud.dev.commands import CommandBackend
from hud.dev.forking.backend import ForkedBackend
from hud.dev.forking.launch import Launched, starting_with
from hud.dev.forking.versions import Versions
from hud.dev.front import DevGateway
from hud.dev.gateway import GatewayEvent, GatewayServer, HttpUpstream, Limits
from hud.dev.ports import EVERY_INTERFACE
from hud.dev.session import DevSession, Failed
from hud.dev.stdio import serve_stdio
from hud.dev.streams import claimed_streams
from hud.dev.target import Source
from hud.dev.watcher import WatchList, needs_polling, require_watching
from hud.settings import USER_DIR

if TYPE_CHECKING:
    from hud.cli.dev import DevOptions

LIMITS = Limits(close_seconds=2.0)
STOP_SECONDS = 9.0
"""Seconds that everything has to end in; what has not by then is cut off."""
MOUNTS = Path("/proc/mounts")


class _Server(GatewayServer):
    """Ends when it is told to; signals are somebody else's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
    url = _url(options, listeners)
    watched = WatchList.of(options.watch, options.around.folder)
    if watched.paths:
        require_watching()
    async with AsyncExitStack() as stack:
        streams = stack.enter_context(claimed_streams()) if options.stdio else None
        gateway = await stack.enter_async_context(_gateway(source, options))
        log = DevLog(gateway, url, inspector=options.inspector)
        command = _own_command() if source.url is None else None
        log.show_start([watched.relative(path) for path in watched.paths], command)
        parts: list[Coroutine[Any, Any, int | None]] = []
        session = None
        if source.url is None:
            opened = _opened(source, options, launched, watched)
            backend, watched = await stack.enter_async_context(opened)
            session = _session(gateway, backend, watched, options)
            parts.append(_play(session, gateway, log))
        server = _Server(gateway, host=options.host, port=options.port, limits=LIMITS)
        if streams is not None:
            parts.append(serve_stdio(gateway.app, *streams))
        else:
            parts.append(server.serve(listeners))
        if options.interactive and url is not None:
            parts.append(interact(url))
        return await _until_ended(parts, server, session)


async def _until_ended(
    parts: list[Coroutine[Any, Any, int | None]], server: _Server, session: DevSession | None
) -> int:
    """Run all parts until one ends or a signal comes, then end the others."""
    told = asyncio.Event()
    tasks = [asyncio.create_task(part) for part in parts]
    with _signals_set(told, tasks):
        await asyncio.wait(
            {*tasks, asyncio.create_task(told.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
        told.set()
        server.should_exit = True
        if session is not None:
            session.stop()
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
    return max(task.result() or 0 for task in tasks if not task.cancelled())


@contextmanager
def _signals_set(told: asyncio.Event, tasks: list[asyncio.Task[int | None]]) -> Iterator[None]:
    """Let the first signal ask for the end, and the second one cut it short."""
    loop = asyncio.get_running_loop()

    def heed() -> None:
        if told.is_set():
            for task in tasks:
                task.cancel()
        told.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, heed)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _play(session: DevSession, gateway: DevGateway, log: DevLog) -> int:
    """Work through the session's events; the exit status once nothing can follow any more."""
    async for event in session.events():
        gateway.note(event)
        log.show(event)
        if isinstance(event, Failed) and not event.is_serving and not session.watched.paths:
            return 1
    return 0


@asynccontextmanager
async def _gateway(source: Source, options: DevOptions) -> AsyncIterator[DevGateway]:
    upstream = HttpUpstream(source.url) if source.url is not None else None
    started = time.monotonic()
    is_known = False

    def heed(event: GatewayEvent) -> None:
        nonlocal is_known
        if options.verbose:
            log.show_detail(event)
        if upstream is None:
            return
        if event.kind == "reachable" and not is_known:
            is_known = True
            log.show_ready(time.monotonic() - started)
        else:
            log.show_gateway(event)

    with _session_folder(options) as folder:
        gateway = DevGateway(
            upstream, folder=folder, limits=LIMITS, hosts=_hosts(options), on_event=heed
        )
        log = DevLog(gateway, None)
        async with gateway:
            yield gateway


@contextmanager
def _session_folder(options: DevOptions) -> Iterator[Path]:
    """Where clients' sessions are kept: for the next session of this folder at this port, if there
    is a place for it.
    """
    key = f"{options.around.folder}:{options.port}"
    folder = USER_DIR / "dev" / hashlib.sha256(key.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_kept = os.access(folder, os.W_OK) and not options.stdio
    except OSError:
        is_kept = False
    if is_kept:
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="hud-dev-") as temporary:
            yield Path(temporary)


@asynccontextmanager
async def _opened(
    source: Source, options: DevOptions, launched: Launched | None, watched: WatchList
) -> AsyncIterator[tuple[Backend, WatchList]]:
    """What starts versions, and what is watched, with what of it containers see."""
    folder = options.around.folder
    async with AsyncExitStack() as stack:
        backend: Backend | None = None
        if source.kind == "docker":
            from hud.cli.contained import open_backend  # noqa: PLC0415 - loads the engine's client

            opened = await open_backend(source, options, watched, stack)
            if opened is not None:
                yield opened.backend, replace(watched, mounted=opened.mounted)
                return
        if source.kind == "command":
            backend = CommandBackend(source.command, folder, show_line)
        else:
            starts = starting_with(launched)
            versions = Versions(
                source.module, folder, log=show_line, launch=starts, plays=options.plays
            )
            backend = ForkedBackend(versions)
        stack.push_async_callback(backend.aclose)
        yield backend, watched


def _session(
    gateway: DevGateway, backend: Backend, watched: WatchList, options: DevOptions
) -> DevSession:
    mounts = MOUNTS.read_text() if MOUNTS.is_file() else ""
    poll = options.poll or needs_polling(watched.paths, mounts)
    has_image = watched.mounted is not None
    return DevSession(gateway, backend, watched, has_image=has_image, poll=poll)


def _url(options: DevOptions, listeners: list[socket.socket]) -> str | None:
    """Where clients on this machine connect."""
    if not listeners:
        return None
    host = "localhost" if options.host in ("", *EVERY_INTERFACE) else options.host
    port = listeners[0].getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/mcp"


def _hosts(options: DevOptions) -> list[str]:
    """Names besides the local ones by which clients may call."""
    host = options.host
    if host in ("", *EVERY_INTERFACE):
        return []
    return [f"[{host}]" if ":" in host else host]


def _own_command() -> str:
    """How this command was called."""
    words = sys.argv[1:] if "--" not in sys.argv else sys.argv[1 : sys.argv.index("--")]
    return shlex.join(["hud", *words])

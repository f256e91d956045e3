"""Serving until told to stop: by the client, a signal or cancellation. The environment is left."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from hud.environment.modules import complete
from hud.environment.server.http import read_options, serve_http
from hud.environment.server.stdio import serve_stdio
from hud.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from hud.environment.environment import Environment

HTTP_TRANSPORTS = ("http", "streamable-http")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(env: Environment, transport: str = "stdio", **options: Any) -> None:
    """Serve until stopped, in an event loop of its own; `options` are the fields of `HttpOptions`.

    Raises:
        UserError: an option or transport is unknown, the address is taken, or an event loop is
            running already.
    """
    if _in_event_loop():
        raise UserError(
            "an event loop is running already", hint="use `await env.run_async(...)` in async code"
        )
    asyncio.run(serve(complete(env), transport, **options))


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def serve(
    env: Environment,
    transport: str = "stdio",
    *,
    streams: tuple[int, int] | None = None,
    **options: Any,
) -> None:
    """Serve until the client goes (`stdio`), SIGTERM or SIGINT arrives, or the task is cancelled.

    `streams`: what `claimed_streams` gave, where a caller has claimed the standard streams.

    The environment is entered before the first request is answered, and left, shutdown hooks
    included, before this returns. A second signal cuts the clean-up short.

    Raises:
        UserError: an option or transport is unknown, or the address is taken.
    """
    http_options = read_options(options)
    work = serve_http(env, http_options) if _is_http(transport) else serve_stdio(env, streams)
    task = asyncio.create_task(work)
    with _signals_cancel(task) as received:
        try:
            await task
        except asyncio.CancelledError:
            if not received:
                raise


def _is_http(transport: str) -> bool:
    if transport in HTTP_TRANSPORTS or transport == "stdio":
        return transport != "stdio"
    if transport == "sse":
        raise UserError(
            "the transport `sse` is deprecated in MCP and not served here",
            hint='use transport="http"',
        )
    hint = did_you_mean(transport, ("stdio", *HTTP_TRANSPORTS))
    raise UserError(f"there is no transport {transport!r}", hint=hint)


@contextmanager
def _signals_cancel(task: asyncio.Task[None]) -> Iterator[list[int]]:
    """Let SIGTERM and SIGINT cancel `task`; the list says which arrived.

    Only the main thread can hear them.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    loop = asyncio.get_running_loop()

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        loop.call_soon_threadsafe(task.cancel)

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)

"""Phases 1 and 2: is it there, and does its server answer the handshakes of both protocol eras."""

from __future__ import annotations

import asyncio

from mcp.shared.exceptions import MCPError

from hud.debug.evidence import Kind
from hud.debug.examination import Examination, Link, Passed
from hud.debug.session import reason
from hud.debug.targets.target import CheckFailure
from hud.errors import ConnectionFailure, HudError

MODERN_SECONDS = 10.0
"""Seconds that the answer to `server/discover` may come later than the one to `initialize`."""


async def find_target(examination: Examination) -> Passed:
    """The image exists, or the module imports."""
    return Passed(notes=await examination.target.check())


async def initialize(examination: Examination) -> Passed:
    """The server answers `initialize` with nothing else on its stdout; whether it answers
    `server/discover` is told.
    """
    await examination.start_main()
    asking = asyncio.ensure_future(_ask_modern(examination))
    try:
        link = await _connect(examination)
        if link.server.noise.count:
            raise CheckFailure("the server prints on stdout before it answers", kind=Kind.STDOUT)
        await asyncio.wait({asking}, timeout=MODERN_SECONDS)
        modern = asking.result() if asking.done() else "server/discover got no answer"
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    return Passed(notes=(*_identity(link), f"initialize: {link.session.version}", modern))


async def _connect(examination: Examination) -> Link:
    try:
        return await examination.connect_main()
    except ConnectionFailure as exc:
        over_http = examination.server is not None and examination.server.is_shared
        raise CheckFailure(exc.message, kind=Kind.HTTP if over_http else None) from exc


async def _ask_modern(examination: Examination) -> str:
    """What the server says to `server/discover`.

    Over stdin and stdout the first request decides the era for good, so that a server of its own is
    asked. If it turns out to speak the earlier era it is kept, for comparing.
    """
    try:
        if examination.server is not None and examination.server.is_shared:
            link = await examination.connect(examination.server, "auto")
        else:
            link = await examination.open_another("auto")
    except (HudError, MCPError, OSError, RuntimeError, ValueError) as exc:
        return f"server/discover could not be asked: {reason(exc)}"
    if not link.session.is_modern and not link.server.is_shared:
        examination.twin = link
        return "server/discover: not answered, initialize is all it speaks"
    await (link.close() if link.server.is_shared else examination.close_another(link))
    if not link.session.is_modern:
        return "server/discover: not answered, initialize is all it speaks"
    return f"server/discover: {link.session.version}"


def _identity(link: Link) -> tuple[str, ...]:
    info = link.session.client.server_info
    return (f"{info.name} {info.version}".strip(),) if info is not None else ()

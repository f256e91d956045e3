"""Phases 1 and 2: is it there, and does its server answer the handshakes of both protocol eras."""

from __future__ import annotations

import asyncio

from mcp.shared.exceptions import MCPError
from mcp_types import UNSUPPORTED_PROTOCOL_VERSION

from hud.debug.evidence import Kind
from hud.debug.examination import Examination, Link, Passed
from hud.debug.session import innermost, reason
from hud.debug.targets.target import CheckFailure
from hud.errors import HudError

MODERN_SECONDS = 5.0
"""Seconds that the answer to `server/discover` may come later than the handshake."""


async def find_target(examination: Examination) -> Passed:
    """The image exists, or the module imports."""
    return Passed(notes=await examination.target.check())


async def initialize(examination: Examination) -> Passed:
    """The server answers `initialize`; whether it answers `server/discover` as well is told.

    Over stdin and stdout the first request decides the era, so that a second server is asked, started at the same time.
    """
    asking = None if await _is_shared(examination) else asyncio.ensure_future(_ask_another(examination))
    try:
        link = await _first_link(examination)
        if link.server.noise.count:
            raise CheckFailure("the server prints on stdout before it answers", kind=Kind.STDOUT)
        modern = await (_ask_same(examination, link) if asking is None else _answer_of(asking))
    finally:
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    return Passed(notes=(f"answers initialize ({link.session.version}); {modern}", *_identity(link)))

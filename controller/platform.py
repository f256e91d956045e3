"""All services of the controller, made once and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from controller.security.token import find_token
from controller.settings import ControllerSettings


class Platform:
    """What the HTTP API speaks to: one field for each service."""

    def __init__(self, settings: ControllerSettings, token: str) -> None:
        self.settings = settings
        self.token = token
        self.started_at = datetime.now(UTC)
        self.closing = asyncio.Event()
        """Set when the process is about to end: open streams end then."""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: ControllerSettings) -> AsyncIterator[Platform]:
        """Start every service; leaving the block ends them in the opposite order.

        Raises:
            UserError: the database or a folder cannot be used.
        """
        async with AsyncExitStack():
            yield cls(settings, find_token(settings))

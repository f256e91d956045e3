"""Old jobs are forgotten, once at the start and then every hour."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from controller.store import Store, StoreFailure

EVERY_SECONDS = 3600.0

_log = logging.getLogger("controller")


@asynccontextmanager
async def retention(store: Store, days: int | None) -> AsyncIterator[None]:
    """Inside the block, jobs that ended and are older than that are removed; None keeps all."""
    if days is None:
        yield
        return
    task = asyncio.create_task(_sweep(store, timedelta(days=days)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep(store: Store, age: timedelta) -> None:
    while True:
        try:
            removed = await store.remove_jobs_before(datetime.now(UTC) - age)
        except StoreFailure as exc:
            _log.warning("old jobs cannot be removed: %s", exc.message)
        else:
            if removed:
                _log.info("%d jobs are older than %d days and were removed", removed, age.days)
        await asyncio.sleep(EVERY_SECONDS)

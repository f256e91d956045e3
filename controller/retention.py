"""Old jobs are forgotten, once at the start and then every hour."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from controller.store import Store, StoreFailure

EVERY_SECONDS = 3600.0
Forget = Callable[[datetime], None]

_log = logging.getLogger("controller")


@asynccontextmanager
async def retention(
    store: Store, days: int | None, others: Sequence[Forget] = ()
) -> AsyncIterator[None]:
    """Inside the block, jobs that ended and are older than that are removed; None keeps all.
    `others` forget what they keep of jobs.
    """
    if days is None:
        yield
        return
    task = asyncio.create_task(_sweep(store, timedelta(days=days), others))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep(store: Store, age: timedelta, others: Sequence[Forget]) -> None:
    while True:
        moment = datetime.now(UTC) - age
        try:
            removed = await store.remove_jobs_before(moment)
            for forget in others:
                forget(moment)
        except StoreFailure as exc:
            _log.warning("old jobs cannot be removed: %s", exc.message)
        else:
            if removed:
                _log.info("%d jobs are older than %d days and were removed", removed, age.days)
        await asyncio.sleep(EVERY_SECONDS)

"""Old jobs are forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from controller.retention import retention
from controller.store import Store
from tests.controller.records import job

pytestmark = pytest.mark.anyio


async def test_jobs_that_ended_too_long_ago_are_removed(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'hud.db'}")
    now = datetime.now(UTC)
    for name, age in (("old", 3), ("new", 1)):
        await store.add_job(job(name, "one", created_at=now - timedelta(days=age)))
        await store.finish_job(name, "finished", 1.0)
    async with retention(store, None):
        assert (await store.jobs()).total == 2
    async with retention(store, 2):
        with anyio.fail_after(20):
            while (await store.jobs()).total == 2:
                continue
    assert [view.job.id for view in (await store.jobs()).items] == ["new"]
    await store.aclose()

"""Processes that use a store: forked from one that has the libraries loaded.

One writes or reads rollouts until it is killed, and prints the id of each that was acknowledged.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from itertools import count
from multiprocessing.connection import Connection
from threading import Barrier

import anyio

from controller.store import Store
from tests.controller.store.records import scored

TASKS_AT_ONCE = 3
PATIENCE = 60.0
"""Seconds within which a process has to get something done."""
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


async def write(store: Store, name: str, part: int) -> None:
    """Add one rollout after the other."""
    for number in count():
        transcript = scored(f"{name}-{part}", number, 0.5)
        await store.add_rollout(transcript)
        sys.stdout.write(f"{transcript.rollout.id}\n")
        sys.stdout.flush()


async def read(store: Store) -> None:
    """Look at lists and results, and stop where they do not add up."""
    while True:
        totals = (await store.job("job-1")).totals
        page = await store.rollouts(job="job-1", limit=20)
        if not totals.ended == totals.scored <= page.total:
            raise SystemExit(f"{totals} does not fit {page.total} rollouts")
        for record in page.items[:3]:
            await store.transcript("job-1", record.id)
        sys.stdout.write("read\n")
        sys.stdout.flush()


async def open_together(url: str, barrier: Barrier) -> None:
    """Open a database at the same moment as others do, and leave an event there."""
    barrier.wait(PATIENCE)
    store = await Store.open(url)
    await store.add_event("build", "b", {})
    await store.aclose()


async def work(url: str, kind: str, name: str) -> None:
    """Write or read, several tasks at once."""
    store = await Store.open(url)
    async with anyio.create_task_group() as group:
        for part in range(TASKS_AT_ONCE):
            group.start_soon(*((write, store, name, part) if kind == "write" else (read, store)))


def begin_work(url: str, kind: str, name: str, told: Connection) -> None:
    """Be a process that writes (or reads), and tells it."""
    os.dup2(told.fileno(), sys.stdout.fileno())
    anyio.run(work, url, kind, name)


def begin_opening(url: str, barrier: Barrier) -> None:
    """Be a process that opens a database."""
    anyio.run(open_together, url, barrier)

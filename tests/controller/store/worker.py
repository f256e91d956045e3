"""Writes or reads rollouts until it is killed; prints the id of each that was acknowledged."""

from __future__ import annotations

import sys
from itertools import count

import anyio

from controller.store import Store
from tests.controller.store.records import scored

TASKS_AT_ONCE = 3


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


async def main() -> None:
    """Work as `write NAME` or `read NAME` says."""
    url, work, name = sys.argv[1:]
    store = await Store.open(url)
    async with anyio.create_task_group() as group:
        for part in range(TASKS_AT_ONCE):
            group.start_soon(*((write, store, name, part) if work == "write" else (read, store)))


if __name__ == "__main__":
    anyio.run(main)

"""Writers and readers are killed under load, and nothing that was acknowledged is missing.

`SOAK_KILLS=50` kills that often.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import anyio
import pytest
from sqlalchemy import text

from controller.store import Store
from tests.controller.store.records import job, scored
from tests.controller.store.worker import PATIENCE, PROCESSES, begin_work

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KILLS = int(os.environ.get("SOAK_KILLS", "5"))
WRITERS, READERS = 5, 3
ORPHANS = """
SELECT count(*) FROM rollouts
LEFT JOIN rollout_records r ON r.rollout_pk = rollouts.pk
LEFT JOIN transcripts t ON t.rollout_pk = rollouts.pk
WHERE r.rollout_pk IS NULL OR t.rollout_pk IS NULL
"""


@dataclass
class Worker:
    """A process under load, and what it said."""

    process: BaseProcess
    told: Connection
    work: str
    said: bytes = b""

    @property
    def acknowledged(self) -> set[str]:
        """Ids of rollouts whose writing returned; a line that the kill cut off is none."""
        lines = self.said.decode().split("\n")[:-1]
        return set(lines) if self.work == "write" else set()

    def listen(self) -> None:
        """Wait until it did something, and take note of it."""
        assert self.hears(PATIENCE), "a worker got nothing done"

    def hears(self, seconds: float = 0.0) -> bool:
        """Take note of what it did; whether it did something within so many seconds."""
        if not self.told.poll(seconds):
            return False
        heard = os.read(self.told.fileno(), 1 << 20)
        self.said += heard
        return bool(heard)

    def kill(self) -> None:
        """End it as a power cut would, and take in its last words."""
        assert self.process.exitcode is None, f"a worker ended by itself: {self.said[-300:]!r}"
        self.end()

    def end(self) -> None:
        self.process.kill()
        while self.hears(PATIENCE):
            continue
        self.told.close()
        self.process.join(PATIENCE)
        self.process.close()


@dataclass
class Crowd:
    """Eight workers; one that is killed is followed by another."""

    url: str
    workers: list[Worker] = field(default_factory=list)
    gone: list[Worker] = field(default_factory=list)

    def start(self, work: str) -> None:
        name = f"{work}-{len(self.workers) + len(self.gone)}"
        ours, theirs = PROCESSES.Pipe(duplex=False)
        with theirs:
            process = PROCESSES.Process(target=begin_work, args=(self.url, work, name, theirs))
            process.start()
        self.workers.append(Worker(process, ours, work))

    def listen(self) -> None:
        """Wait until each did something."""
        for worker in self.workers:
            worker.listen()

    def kill(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self.gone.append(worker)
        worker.kill()

    @property
    def acknowledged(self) -> set[str]:
        return set().union(*(worker.acknowledged for worker in [*self.workers, *self.gone]))


@contextmanager
def crowd(url: str) -> Iterator[Crowd]:
    crowded = Crowd(url)
    for work in ["write"] * WRITERS + ["read"] * READERS:
        crowded.start(work)
    try:
        yield crowded
    finally:
        for worker in crowded.workers:
            worker.end()


async def test_nothing_acknowledged_is_missing_after_kills_under_load(
    new_database_url: str,
) -> None:
    store = await Store.open(new_database_url)
    await store.add_job(job(), taskset="letters")
    acknowledged = await anyio.to_thread.run_sync(kill_under_load, new_database_url)
    kept = await store.ended_ids("job-1")
    assert acknowledged - kept == set()
    assert len(acknowledged) > KILLS
    await check(store, kept)
    assert await store.add_rollout(scored("afterwards", 0, 1.0))
    await store.aclose()


def kill_under_load(url: str) -> set[str]:
    """What eight processes were told is written, of which one after the other is killed."""
    chance = random.Random(KILLS)
    with crowd(url) as working:
        working.listen()
        for _ in range(KILLS):
            victim = chance.choice(working.workers)
            for worker in working.workers:
                worker.hears()
            victim.listen()
            working.kill(victim)
            working.start(victim.work)
        working.listen()
        for worker in list(working.workers):
            working.kill(worker)
        return working.acknowledged


async def check(store: Store, kept: set[str]) -> None:
    """The database is sound, its counters fit its rows, and each rollout has its transcript."""
    totals = (await store.job("job-1")).totals
    assert totals.ended == totals.scored == len(kept) == (await store.rollouts()).total
    assert len(await store.events(0, limit=10_000, kinds=["rollout"])) == min(len(kept), 10_000)
    (orphans,) = await store.read(lambda link: link.execute(text(ORPHANS)).one())
    assert orphans == 0
    if (await store.storage()).database == "sqlite":
        verdict = text("PRAGMA integrity_check")
        assert await store.read(lambda link: link.execute(verdict).scalar_one()) == "ok"
        broken = text("PRAGMA foreign_key_check")
        assert await store.read(lambda link: link.execute(broken).all()) == []
    for identity in sorted(kept)[:: max(1, len(kept) // 50)]:
        transcript = await store.transcript("job-1", identity)
        assert (transcript.rollout.id, transcript.log) == (identity, "hello")

"""On whose behalf a model is asked: what a gateway that counts and keeps answers is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

ROLLOUT_HEADER = "x-hud-rollout"


@dataclass(frozen=True)
class Asker:
    """A rollout of a job."""

    job: str
    rollout: str

    def headers(self, path: str) -> dict[str, str]:
        """What a request to that path says of it: nothing, unless the path is the job's own."""
        return {ROLLOUT_HEADER: self.rollout} if f"/jobs/{self.job}" in path else {}


asker: ContextVar[Asker | None] = ContextVar("asker", default=None)


@contextmanager
def asking_for(job: str, rollout: str) -> Iterator[None]:
    """Requests to models in this block are that rollout's."""
    token = asker.set(Asker(job, rollout))
    try:
        yield
    finally:
        asker.reset(token)

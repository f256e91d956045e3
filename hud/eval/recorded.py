"""What an author's own program evaluates, kept in the results folder and told to the controller as
what `hud eval` runs is. Only where this machine knows a controller; never the program's failure.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hud.errors import UserError
from hud.eval.journal import JOBS, Journal
from hud.eval.recording import begin
from hud.eval.rollout import Rollout
from hud.settings import controller_token, get_settings
from hud.wire import JobRecord, JobStatus, Transcript, Variant

logger = logging.getLogger(__name__)

Keep = Callable[[Transcript], None]
PROGRAM = "program"
"""What plays these rollouts, where others name an agent."""
UNBOUNDED = -1
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONGEST = 200
"""Characters of a parameter that is no plain value."""


@asynccontextmanager
async def recorded(
    rollouts: Sequence[Rollout], name: str | None, *, is_wanted: bool = True
) -> AsyncIterator[Keep]:
    """Takes the transcripts of a job's rollouts as they end. `name` is the job's, else it is called
    like the program.
    """
    if not (is_wanted and rollouts and controller_token()):
        yield _forget
        return
    job = _job(rollouts, name)
    journal = _journal(job)
    if journal is None:
        yield _forget
        return
    recording = begin(get_settings().results_dir, job.id)
    began = time.monotonic()
    status: JobStatus = "cancelled"

    def keep(transcript: Transcript) -> None:
        try:
            journal.add(transcript)
        except UserError as exc:
            logger.info("a rollout is not recorded: %s", exc)

    try:
        yield keep
        status = "finished"
    finally:
        _finish(journal, job, status, time.monotonic() - began)
        if recording is not None:
            await asyncio.to_thread(recording.finish)


def _journal(job: JobRecord) -> Journal | None:
    """The journal of a job; None where it cannot be recorded, or already is."""
    results = get_settings().results_dir
    if not _ID.fullmatch(job.id) or (results / JOBS / job.id).exists():
        return None
    try:
        return Journal.create(results, job)
    except UserError as exc:
        logger.info("the job is not recorded: %s", exc)
        return None


def _forget(transcript: Transcript) -> None:
    """Keeps nothing."""


def _finish(journal: Journal, job: JobRecord, status: JobStatus, seconds: float) -> None:
    try:
        journal.finish(job.model_copy(update={"status": status, "seconds": seconds}))
    except OSError as exc:
        logger.info("the job's end is not recorded: %s", exc)


def _job(rollouts: Sequence[Rollout], name: str | None) -> JobRecord:
    program = Path(sys.argv[0]).name or PROGRAM
    variants = {rollout.variant: rollout.variants for rollout in rollouts}
    return JobRecord(
        id=rollouts[0].job_id,
        name=name or program,
        source=program,
        command=sys.argv,
        variants=[_variant(label, parameters) for label, parameters in variants.items()],
        tasks=list(dict.fromkeys(rollout.task.key for rollout in rollouts)),
        group=1 + max(rollout.index for rollout in rollouts),
        max_steps=UNBOUNDED,
        isolation="shared",
        created_at=datetime.now(UTC),
    )


def _variant(label: str, parameters: Mapping[str, Any]) -> Variant:
    model = parameters.get("model")
    return Variant(
        name=label,
        agent=PROGRAM,
        model=model if isinstance(model, str) else None,
        parameters={name: _plain(value) for name, value in parameters.items()},
    )


def _plain(value: Any) -> Any:
    """A value that can be written as JSON."""
    return value if isinstance(value, str | int | float | bool | None) else repr(value)[:_LONGEST]

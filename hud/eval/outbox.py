"""Local evaluations on their way to the controller.

1. What a job's folder holds is all there is to send: nothing is written twice. An entry in
   `outbox/` says how much of it the controller has, so that an evaluation costs nothing but that.
2. The controller takes each rollout once, however often it is sent.
3. Only one process sends a job at a time: whoever holds the entry's lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from hud.errors import UserError
from hud.eval.journal import JOBS, read_job, transcript_file
from hud.wire import JobRecord, JobStatus, RolloutRecord

OUTBOX = "outbox"
BATCH = 100
"""Rollouts that are sent at once."""
MOST_JOBS = 500
"""Jobs that wait for a controller which may never come."""
BATCH_BYTES = 8 * 1024 * 1024
NO_SUCH_JOB = 404
UNACCEPTABLE = frozenset({400, 413, 422})
"""Statuses that say that a rollout will never be taken."""


class Receiver(Protocol):
    """The controller's client, as far as it is needed. What it refuses is a `UserError` with
    HTTP's `status`.
    """

    def record_job(self, record: JobRecord, taskset: str | None = None) -> Any: ...

    def record_transcripts(self, job: str, texts: Sequence[bytes]) -> None: ...

    def finish_job(self, job: str, status: JobStatus, seconds: float) -> Any: ...


class Entry(BaseModel):
    """How much of a job has arrived."""

    job: str
    taskset: str | None = None
    is_known: bool = False
    """Whether the controller has heard of the job."""
    sent: int = 0
    """Bytes of `rollouts.jsonl` whose rollouts have arrived."""


class Outbox:
    """The entries of a results folder."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self._folder = results / OUTBOX

    def add(self, job: str, taskset: str | None = None) -> None:
        """Have a job sent, now or later; of more than `MOST_JOBS`, the oldest are forgotten."""
        self._keep(Entry(job=job, taskset=taskset))
        for forgotten in self.waiting()[:-MOST_JOBS]:
            self._path(forgotten).unlink(missing_ok=True)
            (self._folder / f"{forgotten}.lock").unlink(missing_ok=True)

    def waiting(self) -> list[str]:
        """Ids of the jobs of which something has not arrived, oldest first."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    @contextmanager
    def sending(self, job: str) -> Iterator[bool]:
        """Whether this process may send a job, for as long as the block lasts."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{job}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
            if not self._path(job).exists():
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def send(self, client: Receiver, job: str, *, is_over: bool) -> bool:
        """Send what has not arrived of a job; whether everything has. Of one that `is_over`, no
        rollout will follow, whatever its record says.

        Raises:
            HudError: the controller does not take it, or cannot be reached.
        """
        entry = self._read(job)
        folder = self.results / JOBS / job
        if entry is None or not (folder / "job.json").exists():
            self._path(job).unlink(missing_ok=True)
            return True
        record = read_job(folder)
        try:
            self._send_news(client, entry, record)
            if record.status == "running" and not is_over:
                return False
            client.finish_job(job, *_ending(record, folder))
        except UserError as exc:
            if _status(exc) == NO_SUCH_JOB:  # it has another store than the last time
                self.add(job, entry.taskset)
            raise
        self._path(job).unlink(missing_ok=True)
        return True

    def _send_news(self, client: Receiver, entry: Entry, record: JobRecord) -> None:
        if not entry.is_known:
            client.record_job(record.model_copy(update={"status": "running"}), entry.taskset)
            entry = self._keep(entry.model_copy(update={"is_known": True}))
        for texts, sent in _batches(self.results / JOBS / entry.job, entry.sent):
            _send_batch(client, entry.job, texts)
            entry = self._keep(entry.model_copy(update={"sent": sent}))

    def _path(self, job: str) -> Path:
        return self._folder / f"{job}.json"

    def _keep(self, entry: Entry) -> Entry:
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{entry.job}.{os.getpid()}"
        draft.write_text(entry.model_dump_json(), encoding="utf-8")
        draft.replace(self._path(entry.job))
        return entry

    def _read(self, job: str) -> Entry | None:
        try:
            return Entry.model_validate_json(self._path(job).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as exc:
            raise UserError(f"{self._path(job)} cannot be read") from exc


def _batches(folder: Path, sent: int) -> Iterator[tuple[list[bytes], int]]:
    """Transcripts of the rollouts behind that place of `rollouts.jsonl`, some at a time, each time
    with the place up to which they go.
    """
    texts: list[bytes] = []
    size = 0
    for rollout, place in _ended(folder / "rollouts.jsonl", sent):
        text = transcript_file(folder, rollout).read_bytes()
        texts.append(text)
        size, sent = size + len(text), place
        if len(texts) == BATCH or size > BATCH_BYTES:
            yield texts, sent
            texts, size = [], 0
    if texts:
        yield texts, sent


def _ended(path: Path, sent: int) -> Iterator[tuple[str, int]]:
    """Ids of rollouts, and where the line of each ends. Half a line is none."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        lines.seek(sent)
        for line in lines:
            if not line.endswith(b"\n"):
                return
            sent += len(line)
            yield RolloutRecord.model_validate_json(line).id, sent


def _send_batch(client: Receiver, job: str, texts: list[bytes]) -> None:
    """Send rollouts; of a batch that is refused, those that are not to blame."""
    try:
        client.record_transcripts(job, texts)
    except UserError as exc:
        if _status(exc) not in UNACCEPTABLE:
            raise
        if len(texts) == 1:
            return
        for text in texts:
            _send_batch(client, job, [text])


def _status(refusal: UserError) -> int | None:
    found: int | None = getattr(refusal, "status", None)
    return found


def _ending(record: JobRecord, folder: Path) -> tuple[JobStatus, float]:
    """How a job ended; one whose process died was cancelled when it wrote for the last time."""
    if record.status != "running":
        return record.status, record.seconds or 0.0
    lines = folder / "rollouts.jsonl"
    last = (lines if lines.exists() else folder / "job.json").stat().st_mtime
    return "cancelled", max(0.0, last - record.created_at.timestamp())

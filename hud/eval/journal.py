"""The local results folder: one directory a job with `job.json`, `rollouts.jsonl` and `transcripts/`.

A rollout's line is written whole, in one system call, when the rollout ends: whoever is killed when, the file holds
every finished rollout and no half line.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from hud.errors import UserError, did_you_mean
from hud.wire import JobRecord, RolloutRecord, Transcript

JOBS = "jobs"


def new_job_id() -> str:
    """An id that sorts by time: `20261120-093012-3f9c`."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Journal:
    """Writes one job's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines = os.open(folder / "rollouts.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    @classmethod
    def create(cls, results: Path, job: JobRecord) -> Journal:
        """Make the job's folder and write `job.json`.

        Raises:
            UserError: the folder cannot be written.
        """
        folder = results / JOBS / job.id
        try:
            (folder / "transcripts").mkdir(parents=True, exist_ok=True)
            _write(folder / "job.json", job.model_dump_json(indent=2))
            return cls(folder)
        except OSError as exc:
            raise UserError(f"cannot write results to {folder}: {exc.strerror}", hint="set HUD_RESULTS_DIR") from exc

    def add(self, transcript: Transcript) -> None:
        """Write a finished rollout: its transcript first, then its line.

        Raises:
            UserError: the disk is full or the folder went away; what was written before is whole.
        """
        record = transcript.rollout
        line = record.model_dump_json(exclude_none=True).encode() + b"\n"
        try:
            _write(self.folder / "transcripts" / f"{_file_name(record.id)}.json", transcript.model_dump_json())
            if os.write(self._lines, line) != len(line):
                raise OSError(28, "the line was cut")
        except OSError as exc:
            raise UserError(f"cannot write results to {self.folder}: {exc.strerror}") from exc

    def finish(self, job: JobRecord) -> None:
        """Write the job's final state."""
        _write(self.folder / "job.json", job.model_dump_json(indent=2))
        os.close(self._lines)


def _write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _file_name(rollout_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", rollout_id)


def find_job(results: Path, job_id: str | None) -> Path:
    """The folder of a job by its id or a prefix of it; the newest one for None.

    Raises:
        UserError: there is none, or more than one.
    """
    folder = results / JOBS
    known = sorted(path.name for path in folder.iterdir() if (path / "job.json").exists()) if folder.is_dir() else []
    if not known:
        raise UserError(f"no evaluation is recorded in {folder}", hint="run `hud eval` first")
    if job_id is None:
        return folder / known[-1]
    matches = [name for name in known if name == job_id] or [name for name in known if name.startswith(job_id)]
    if len(matches) != 1:
        what = "no" if not matches else "more than one"
        raise UserError(f"{what} job `{job_id}` is recorded in {folder}", hint=did_you_mean(job_id, matches or known))
    return folder / matches[0]


def read_job(folder: Path) -> JobRecord:
    """The job of a folder.

    Raises:
        UserError: `job.json` cannot be read.
    """
    try:
        return JobRecord.model_validate_json((folder / "job.json").read_text(encoding="utf-8"))
    except (OSError, ValidationError) as exc:
        raise UserError(f"{folder / 'job.json'} cannot be read: {exc}") from exc


def read_rollouts(folder: Path) -> Iterator[RolloutRecord]:
    """The finished rollouts of a job, in the order in which they ended."""
    path = folder / "rollouts.jsonl"
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield RolloutRecord.model_validate_json(line)


def read_transcript(folder: Path, rollout_id: str) -> Transcript:
    """One rollout's transcript.

    Raises:
        UserError: there is none.
    """
    path = folder / "transcripts" / f"{_file_name(rollout_id)}.json"
    try:
        return Transcript.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as exc:
        known = [item.stem for item in path.parent.glob("*.json")]
        raise UserError(f"no rollout `{rollout_id}` in {folder.name}", hint=did_you_mean(rollout_id, known)) from exc

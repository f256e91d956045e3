"""The local results folder: one directory a job with `job.json`, `rollouts.jsonl` and
`transcripts/`.

A rollout's line is written whole, in one system call, when the rollout ends: whoever is killed
when, the file holds every finished rollout and no half line.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from hud.errors import UserError, did_you_mean
from hud.wire import JobRecord, RolloutRecord, Transcript

JOBS = "jobs"
RecordT = TypeVar("RecordT", bound=BaseModel)


def new_job_id() -> str:
    """An id that sorts by time: `20261120-093012-3f9c`."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Journal:
    """Writes one job's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines = os.open(
            folder / "rollouts.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
        )

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
            raise UserError(
                f"cannot write results to {folder}: {exc.strerror}", hint="set HUD_RESULTS_DIR"
            ) from exc

    def add(self, transcript: Transcript) -> None:
        """Write a finished rollout: its transcript first, then its line.

        Raises:
            UserError: the disk is full or the folder went away; what was written before is whole.
        """
        record = transcript.rollout
        line = _json(record).encode() + b"\n"
        try:
            _write(transcript_file(self.folder, record.id), _json(transcript))
            if os.write(self._lines, line) != len(line):
                raise OSError(28, "the line was cut")
        except OSError as exc:
            raise UserError(f"cannot write results to {self.folder}: {exc.strerror}") from exc

    def finish(self, job: JobRecord) -> None:
        """Write the job's final state."""
        _write(self.folder / "job.json", job.model_dump_json(indent=2))
        os.close(self._lines)


def _json(record: BaseModel) -> str:
    """A record as JSON; what no UTF-8 file can hold (half a character, from a model or an
    environment) becomes `?`.
    """
    try:
        return record.model_dump_json(exclude_none=True)
    except PydanticSerializationError:
        return json.dumps(_encodable(record.model_dump(mode="json", exclude_none=True)))


def _encodable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def transcript_file(folder: Path, rollout_id: str) -> Path:
    """Where a job's folder has a rollout's transcript."""
    return folder / "transcripts" / f"{_file_name(rollout_id)}.json"


def _file_name(rollout_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", rollout_id)


def find_job(results: Path, job_id: str | None) -> Path:
    """The folder of a job by its id or a prefix of it; the newest one for None.

    Raises:
        UserError: there is none, or more than one.
    """
    folder = results / JOBS
    known = (
        sorted(path.name for path in folder.iterdir() if (path / "job.json").exists())
        if folder.is_dir()
        else []
    )
    if not known:
        raise UserError(f"no evaluation is recorded in {folder}", hint="run `hud eval` first")
    if job_id is None:
        return folder / known[-1]
    matches = [name for name in known if name == job_id] or [
        name for name in known if name.startswith(job_id)
    ]
    if len(matches) != 1:
        what = "no" if not matches else "more than one"
        raise UserError(
            f"{what} job `{job_id}` is recorded in {folder}",
            hint=did_you_mean(job_id, matches or known),
        )
    return folder / matches[0]


def read_job(folder: Path) -> JobRecord:
    """The job of a folder.

    Raises:
        UserError: `job.json` cannot be read.
    """
    path = folder / "job.json"
    try:
        return _read(JobRecord, path.read_text(encoding="utf-8"), str(path))
    except OSError as exc:
        raise UserError(f"{path} cannot be read: {exc.strerror}") from exc


def read_rollouts(folder: Path) -> Iterator[RolloutRecord]:
    """The finished rollouts of a job, in the order in which they ended.

    Raises:
        UserError: a line is no record of a rollout.
    """
    path = folder / "rollouts.jsonl"
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.endswith("\n"):
                yield _read(RolloutRecord, line, f"{path}:{number}")


def read_transcript(folder: Path, rollout_id: str) -> Transcript:
    """One rollout's transcript.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = transcript_file(folder, rollout_id)
    try:
        return _read(Transcript, path.read_text(encoding="utf-8"), str(path))
    except OSError as exc:
        known = [item.stem for item in path.parent.glob("*.json")]
        raise UserError(
            f"no rollout `{rollout_id}` in {folder.name}", hint=did_you_mean(rollout_id, known)
        ) from exc


def _read(kind: type[RecordT], text: str, place: str) -> RecordT:
    try:
        return kind.model_validate_json(text)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        reason = f"{field}: {first['msg']}" if field else first["msg"]
        raise UserError(f"{place} cannot be read: {reason}") from exc

"""Files that `hud eval` writes beside its table."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hud.errors import UserError
from hud.eval.summary import junit
from hud.wire import JobRecord, RolloutRecord


@dataclass(frozen=True)
class Reports:
    """The reports that were asked for."""

    json_file: Path | None = None
    junit_file: Path | None = None

    @property
    def are_wanted(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.json_file or self.junit_file)

    def check_writable(self) -> None:
        """Complain before anything runs about a report that could not be written after it.

        Raises:
            UserError: one could not.
        """
        for path in (self.json_file, self.junit_file):
            if path is None:
                continue
            folder = next(parent for parent in path.absolute().parents if parent.exists())
            if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
                raise UserError(f"cannot write {path}")

    def write(self, job: JobRecord, records: Sequence[RolloutRecord]) -> None:
        """Write them.

        Raises:
            UserError: one cannot be written.
        """
        if self.json_file is not None:
            exported: dict[str, Any] = job.model_dump(mode="json", exclude_none=True)
            exported["rollouts"] = [record.model_dump(mode="json") for record in records]
            _write(self.json_file, json.dumps(exported, indent=2))
        if self.junit_file is not None:
            _write(self.junit_file, junit(job.source, records, job.pass_threshold))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise UserError(f"cannot write {path}: {exc.strerror}") from exc

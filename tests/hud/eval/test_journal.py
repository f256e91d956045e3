"""The results folder: whole lines, whatever happens, and finding them again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hud.errors import UserError
from hud.eval.journal import (
    Journal,
    find_job,
    read_job,
    read_rollouts,
    read_transcript,
)
from hud.wire import JobRecord, RolloutRecord, Transcript, Variant
from tests.command import ROOT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WRITER = """
import sys
from pathlib import Path
from tests.hud.eval.test_journal import job, transcript
from hud.eval.journal import Journal

journal = Journal.create(Path(sys.argv[1]), job("killed"))
for number in range(1_000_000):
    journal.add(transcript(f"t-{number}", answer="x" * 5000))
    print(number, flush=True)
"""


def job(job_id: str) -> JobRecord:
    return JobRecord(
        id=job_id,
        name="tasks.py",
        source="tasks.py",
        variants=[Variant(name="nop", agent="nop")],
        tasks=["t"],
        max_steps=10,
        isolation="fork",
        created_at=NOW,
    )


def transcript(task: str, **fields: Any) -> Transcript:
    record = RolloutRecord(
        id=f"{task}.nop.0",
        job_id="job",
        task=task,
        variant="nop",
        index=0,
        status="scored",
        reward=1.0,
        started_at=NOW,
        seconds=0.5,
        **fields,
    )
    return Transcript(rollout=record, prompt="Say it.", log="said")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, job("one"))
    written = [transcript("a"), transcript("b")]
    for item in written:
        journal.add(item)
    journal.finish(job("one").model_copy(update={"status": "finished"}))
    assert list(read_rollouts(journal.folder)) == [item.rollout for item in written]
    assert read_transcript(journal.folder, "b.nop.0") == written[1]
    assert read_job(journal.folder).status == "finished"


def test_a_rollout_can_be_read_as_soon_as_it_is_added(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, job("one"))
    journal.add(transcript("a"))
    assert [record.task for record in read_rollouts(journal.folder)] == ["a"]
    assert read_job(journal.folder).status == "running"
    journal.finish(job("one"))


def test_half_a_line_is_passed_over(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, job("one"))
    journal.add(transcript("a"))
    journal.finish(job("one"))
    with (journal.folder / "rollouts.jsonl").open("a") as lines:
        lines.write('{"id": "b.nop')
    assert [record.task for record in read_rollouts(journal.folder)] == ["a"]


def test_half_a_character_is_replaced_and_loses_nothing_else(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, job("one"))
    journal.add(transcript("a", answer={"text": ["half \ud83d", 1]}))
    journal.finish(job("one"))
    assert [record.answer for record in read_rollouts(journal.folder)] == [{"text": ["half ?", 1]}]
    assert read_transcript(journal.folder, "a.nop.0").prompt == "Say it."


def test_a_killed_writer_leaves_whole_lines_and_no_half_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
    folder = find_job(tmp_path, "killed")
    text = (folder / "rollouts.jsonl").read_text()
    assert text.endswith("}\n")
    assert len([json.loads(line) for line in text.splitlines()]) >= len(told)
    for path in (folder / "transcripts").glob("*.json"):
        json.loads(path.read_text())


@pytest.mark.parametrize(
    ("asked", "found"),
    [(None, "20260102-b"), ("20260101-a", "20260101-a"), ("20260102", "20260102-b")],
)
def test_a_job_is_found_by_its_id_or_its_beginning_or_as_the_newest(
    tmp_path: Path, asked: str | None, found: str
) -> None:
    for name in ("20260102-b", "20260101-a"):
        Journal.create(tmp_path, job(name)).finish(job(name))
    assert find_job(tmp_path, asked).name == found


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [("2026", "more than one job `2026`"), ("x", "no job `x`"), ("../jobs/a", "no job")],
)
def test_a_job_that_is_not_one_is_refused(tmp_path: Path, asked: str, complaint: str) -> None:
    for name in ("2026-a", "2026-b"):
        Journal.create(tmp_path, job(name)).finish(job(name))
    with pytest.raises(UserError, match=complaint) as refusal:
        find_job(tmp_path, asked)
    assert refusal.value.hint
    assert "2026-a" in refusal.value.hint


def test_without_any_job_the_next_command_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no evaluation is recorded") as refusal:
        find_job(tmp_path, None)
    assert refusal.value.hint == "run `hud eval` first"


@pytest.mark.parametrize("asked", ["b.nop.0", "../../job", "a.nop.0/../x"])
def test_an_unknown_rollout_is_named_with_those_there_are(tmp_path: Path, asked: str) -> None:
    journal = Journal.create(tmp_path, job("one"))
    journal.add(transcript("a"))
    journal.finish(job("one"))
    with pytest.raises(UserError, match="no rollout") as refusal:
        read_transcript(journal.folder, asked)
    assert "a.nop.0" in (refusal.value.hint or "")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(UserError, match="cannot write results to") as refusal:
        Journal.create(tmp_path / "results", job("one"))
    assert refusal.value.hint == "set HUD_RESULTS_DIR"


@pytest.mark.parametrize("text", ["", "{", '{"id": "x"}'])
def test_a_damaged_job_is_named_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(UserError, match=r"job\.json cannot be read") as refusal:
        read_job(tmp_path)
    assert "\n" not in refusal.value.message

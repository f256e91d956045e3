"""`hud show`: an evaluation that was run before, printed again, and harmless to the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hud.eval.journal import Journal
from hud.types import TraceStep
from hud.wire import JobRecord, RolloutRecord, Transcript, Variant
from tests.hud.cli.conftest import SLUGS, Run, rows

HOSTILE = "\x1b[2J\x1b]0;title\x07bad\rgood \u202eevil\u2066 \x9b31m\x00\u200b \ud83d"
"""Clears the screen, sets the title, overwrites, turns the direction; half a character."""


def job(job_id: str, tasks: list[str]) -> JobRecord:
    return JobRecord(
        id=job_id,
        name="tasks.py",
        source="tasks.py",
        variants=[Variant(name="nop", agent="nop")],
        tasks=tasks,
        max_steps=10,
        isolation="fork",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def write(folder: Path, job_id: str, *transcripts: Transcript) -> None:
    """A finished job in the folder's results."""
    record = job(job_id, [item.rollout.task for item in transcripts])
    journal = Journal.create(folder / ".hud", record)
    for item in transcripts:
        journal.add(item)
    journal.finish(record.model_copy(update={"status": "finished", "seconds": 1.25}))


def transcript(task: str, **fields: Any) -> Transcript:
    told = {name: fields.pop(name) for name in ("log", "detail", "steps") if name in fields}
    given = {"id": f"{task}.nop.0", "variant": "nop", "status": "scored", "reward": 1.0} | fields
    record = RolloutRecord(
        job_id="job",
        task=task,
        index=0,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=0.5,
        **given,
    )
    return Transcript(rollout=record, prompt="Say it.", **told)


def test_an_evaluation_is_shown_as_it_was(run: Run) -> None:
    _, table, _ = run("eval", "tasks.py", "nop", "--all")
    status, again, note = run("show")
    assert (status, again) == (0, table)
    assert note.startswith("tasks.py with nop, ")
    assert ", finished, " in note


def test_each_variant_of_a_job_has_a_table_of_its_own(run: Run) -> None:
    record = job("two", ["a"])
    variants = [*record.variants, Variant(name="other", agent="oracle")]
    journal = Journal.create(Path(".hud"), record.model_copy(update={"variants": variants}))
    journal.add(transcript("a", reward=0.0))
    journal.add(transcript("a", id="a.other.0", variant="other", status="cancelled", reward=None))
    journal.finish(record.model_copy(update={"variants": variants, "status": "finished"}))
    status, out, _ = run("show")
    assert status == 0
    lines = [line.strip() for line in out.splitlines()]
    assert [line for line in lines if line in ("nop", "other")] == ["nop", "other"]
    assert [line for line in lines if line.startswith(("Total", "Cancelled"))] == [
        "Total: 1 task × 1 run | Mean: 0.00 | Pass: 0/1 (0%)",
        "Total: 1 task × 0 runs | Mean: – | Pass: 0/0",
        "Cancelled: 1, not in mean and pass",
    ]


def test_a_rollouts_transcript_is_shown(run: Run) -> None:
    steps = [
        TraceStep(kind="environment", name="setup", started=0.001, result="Say it."),
        TraceStep(kind="tool", name="look", started=0.5, error="there is nothing"),
    ]
    failure = {"status": "failed", "reward": None, "boundary": "grading", "error": "no key"}
    write(Path(), "one", transcript("a", **failure, steps=steps, log="printed\n", detail="Trace"))
    status, out, _ = run("show", "--rollout", "a.nop.0")
    assert status == 0
    assert out.splitlines() == [
        "a.nop.0  failed  grading: no key  (0.50 s)",
        "",
        "   0.001s environment  setup                Say it.",
        "   0.500s tool         look                 there is nothing",
        "",
        "environment log:",
        "printed",
        "",
        "Trace",
    ]


def test_everything_is_there_as_json_too(run: Run) -> None:
    write(Path(), "one", transcript("a"), transcript("b", reward=0.5))
    exported = json.loads(run("show", "--json")[1])
    assert (exported["id"], exported["status"]) == ("one", "finished")
    assert [record["reward"] for record in exported["rollouts"]] == [1.0, 0.5]
    assert json.loads(run("show", "--rollout", "b.nop.0", "--json")[1])["prompt"] == "Say it."


def test_a_job_is_found_by_the_beginning_of_its_id(run: Run) -> None:
    write(Path(), "20260101-a", transcript("old"))
    write(Path(), "20260102-b", transcript("new"))
    assert list(rows(run("show", "20260101")[1])) == ["old"]
    assert list(rows(run("show")[1])) == ["new"]


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["nosuch"], "no job `nosuch` is recorded in .hud/jobs", "there are `one`"),
        (["--rollout", "a.nop.1"], "no rollout `a.nop.1` in one", "did you mean `a.nop.0`?"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    run: Run, arguments: list[str], error: str, hint: str
) -> None:
    write(Path(), "one", transcript("a"))
    status, out, err = run("show", *arguments)
    assert (status, out) == (2, "")
    assert err.splitlines() == [f"error: {error}", f"hint: {hint}"]


def test_before_the_first_evaluation_the_next_command_is_told(run: Run) -> None:
    status, out, err = run("show")
    assert (status, out) == (2, "")
    assert "no evaluation is recorded in .hud/jobs" in err
    assert "hint: run `hud eval` first" in err


@pytest.mark.parametrize("arguments", [[], ["--rollout", "a.nop.0"]])
def test_foreign_text_cannot_touch_the_terminal(run: Run, arguments: list[str]) -> None:
    failure = {"status": "failed", "reward": None, "boundary": "agent", "error": HOSTILE}
    step = TraceStep(kind="model", name=HOSTILE, result={"content": HOSTILE})
    item = transcript("a", **failure, answer=HOSTILE, log=HOSTILE, detail=HOSTILE, steps=[step])
    write(Path(), "one", item)
    status, out, err = run("show", *arguments)
    assert status == 0
    assert "good evil" in out
    assert not set("\x1b\x07\r\x00\x9b\u202e\u2066\u200b\ud83d") & set(out + err)


def test_foreign_text_as_json_is_escaped(run: Run) -> None:
    write(Path(), "one", transcript("a", answer=HOSTILE))
    for arguments in ([], ["--rollout", "a.nop.0"]):
        assert run("show", "--json", *arguments)[1].isascii()


def test_a_damaged_record_is_named_in_one_line(run: Run) -> None:
    write(Path(), "one", *(transcript(slug) for slug in SLUGS))
    (Path(".hud/jobs/one") / "rollouts.jsonl").write_text('{"id": "x"}\n')
    status, out, err = run("show")
    assert (status, out) == (2, "")
    assert "rollouts.jsonl:1 cannot be read: job_id: Field required" in err

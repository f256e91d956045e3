"""One evaluation: what it tells while it runs, what it writes, and what it leaves."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from hud.errors import UserError
from hud.eval.config import EvalConfig
from hud.eval.job import Finished, Job, Started, list_tasks
from tests.hud.eval.conftest import ENV, Write

pytestmark = pytest.mark.anyio

TASKS = """
    from env import count

    tasks = [count.task(word=word).copy(slug=word) for word in ("strawberry", "apple", "cherry")]
"""


@pytest.fixture
def folder(write: Write) -> Path:
    return write({"env.py": ENV, "tasks.py": TASKS})


def job(folder: Path, agent: str = "nop", **options: Any) -> Job:
    config = EvalConfig(source=str(folder / "tasks.py"), **options)
    return Job(config, agent, command=["hud", "eval"], results=folder / "results")


async def test_it_tells_of_the_start_and_of_every_end(folder: Path) -> None:
    running = job(folder, all=True, group_size=2, seed="7")
    events = [event async for event in running.events()]
    started = events[0]
    assert isinstance(started, Started)
    assert (started.total, started.hazard) == (6, None)
    assert started.job.tasks == ["strawberry", "apple", "cherry"]
    ended = [event for event in events if isinstance(event, Finished)]
    assert [(event.done, event.total) for event in ended] == [(n, 6) for n in range(1, 7)]
    assert (running.status, running.summary.mean) == ("finished", 0.0)


async def test_the_results_are_written_as_rollouts_end(folder: Path) -> None:
    async with aclosing(job(folder, all=True, max_concurrent=1).events()) as events:
        async for event in events:
            if isinstance(event, Started):
                lines = event.folder / "rollouts.jsonl"
            else:
                written = [json.loads(line) for line in lines.read_text().splitlines()]
                assert written[-1]["id"] == event.record.id
                assert len(written) == event.done


async def test_a_job_records_how_it_was_started_and_how_it_ended(folder: Path) -> None:
    running = job(folder, agent="nop", seed="7", pass_threshold=0.5, isolation="fork")
    started, *_ = [event async for event in running.events()]
    assert isinstance(started, Started)
    record = json.loads((started.folder / "job.json").read_text())
    assert (record["status"], record["seed"], record["pass_threshold"]) == ("finished", "7", 0.5)
    assert (record["command"], record["tasks"]) == (["hud", "eval"], ["strawberry"])
    assert record["variants"] == [{"name": "nop", "agent": "nop", "model": None, "parameters": {}}]
    assert record["seconds"] > 0


async def test_a_job_that_is_left_early_is_recorded_as_cancelled(folder: Path) -> None:
    running = job(folder, all=True, max_concurrent=1)
    async with aclosing(running.events()) as events:
        started = await anext(events)
        await anext(events)
    assert isinstance(started, Started)
    assert running.status == "cancelled"
    assert json.loads((started.folder / "job.json").read_text())["status"] == "cancelled"
    assert len((started.folder / "rollouts.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("agent", "options", "complaint"),
    [
        ("nosuch", {}, "no agent and no known model is named `nosuch`"),
        ("openai", {}, "needs OPENAI_API_KEY"),
        ("nop", {"task_ids": ["melon"]}, "no task named `melon`"),
        ("nop", {"options": {"temprature": 1}}, "no option `temprature`"),
    ],
)
async def test_what_cannot_be_used_stops_the_job_before_it_begins(
    folder: Path, agent: str, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        await anext(job(folder, agent, **options).events())
    assert not (folder / "results").exists()


async def test_a_source_that_is_not_there_is_told_before_a_missing_key(folder: Path) -> None:
    running = Job(EvalConfig(source=str(folder / "nosuch.py")), "openai")
    with pytest.raises(UserError, match="there is no file or folder"):
        await anext(running.events())


@pytest.mark.usefixtures("clean_imports")
async def test_a_shared_job_runs_in_this_process(folder: Path) -> None:
    running = job(folder, all=True, isolation="shared")
    assert len([event async for event in running.events()]) == 4
    assert running.summary.ended == 3


def test_tasks_are_listed_without_being_imported_here(folder: Path) -> None:
    tasks = list_tasks(str(folder / "tasks.py"))
    assert [task.key for task in tasks] == ["strawberry", "apple", "cherry"]
    assert [task.env_name for task in tasks] == ["letters"] * 3
    assert [task.key for task in list_tasks(str(folder / "tasks.py"), ["apple"])] == ["apple"]

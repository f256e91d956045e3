"""Rollouts: written once, found by what they are, opened with all that happened."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.errors import NotFound
from controller.store import Store
from hud.types import Usage
from hud.wire import Transcript
from tests.controller.store.records import BEGAN, ended, failed, job, scored

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(store: Store) -> Store:
    await store.add_job(job(), taskset="letters")
    return store


async def test_a_transcript_comes_back_as_it_was_written(store: Store) -> None:
    written = scored("one", 0, 0.25, answer={"a": [1]}, columns={"tags": ["x"], "level": 3})
    written.messages.append({"role": "user", "content": "nul \0 and é"})
    assert await store.add_rollout(written)
    assert await store.transcript("job-1", "one.model.0") == written
    assert await store.rollout("job-1", "one.model.0") == written.rollout


async def test_half_a_character_in_a_transcript_is_written_as_a_question_mark(store: Store) -> None:
    await store.add_rollout(failed("one", 0, error="bad \ud83d text"))
    found = await store.rollouts()
    assert found.items[0].error == "bad ? text"


async def test_a_rollout_that_is_there_is_not_written_again(store: Store) -> None:
    first = scored("one", 0, 1.0)
    again = scored("one", 0, 0.0, started_at=BEGAN + timedelta(days=1))
    assert [await store.add_rollout(first), await store.add_rollout(again)] == [True, False]
    assert (await store.transcript("job-1", "one.model.0")) == first
    assert (await store.job("job-1")).totals.ended == 1
    assert len(await store.events(0, kinds=["rollout"])) == 1


async def test_a_failed_rollout_that_ran_again_later_is_replaced(store: Store) -> None:
    failure = failed("one", 0)
    later = scored("one", 0, 0.5, started_at=BEGAN + timedelta(days=1))
    assert [await store.add_rollout(r) for r in (failure, failure, later, failure)] == [
        True, False, True, False,
    ]  # fmt: skip
    totals = (await store.job("job-1")).totals
    assert (totals.ended, totals.failed, totals.scored, totals.mean) == (1, 0, 1, 0.5)
    assert await store.transcript("job-1", "one.model.0") == later


async def test_a_rollout_of_an_unknown_job_is_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="no job `other`"):
        await store.add_rollout(scored("one", 0, 1.0, job_id="other"))
    assert (await store.rollouts()).total == 0


async def test_a_batch_is_written_whole_or_not_at_all(store: Store) -> None:
    good = [scored("one", 0, 1.0), scored("one", 1, 1.0)]
    with pytest.raises(NotFound):
        await store.add_rollouts([*good, scored("two", 0, 1.0, job_id="other")])
    assert await store.ended_ids("job-1") == set()
    assert await store.add_rollouts([*good, good[0]]) == 2
    assert await store.ended_ids("job-1") == {"one.model.0", "one.model.1"}


async def test_the_events_of_a_job_say_how_its_rollouts_ended(store: Store) -> None:
    await store.add_rollout(failed("one", 0))
    event = (await store.events(0, kinds=["rollout"]))[0]
    assert event.subject == "one.model.0"
    assert (event.data["job"], event.data["status"], event.data["boundary"]) == (
        "job-1", "failed", "provider",
    )  # fmt: skip


SAMPLES = [
    scored("one", 0, 1.0, columns={"level": "easy", "size": 10, "tags": ["a", "b"]}),
    scored("one", 1, 0.5, columns={"level": "easy", "size": 10, "tags": ["a", "b"]}),
    scored("two", 2, 0.0, columns={"level": "hard", "size": 9, "ok": True, "tags": ["b"]}),
    failed("two", 3, columns={"level": "hard", "size": 9.5}),
    ended("two", 4, status="cancelled", variant="other", usage=Usage(input_tokens=3)),
]
"""Rollouts numbered from 0 to 4, one started a second after the other."""


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"task": "one"}, [1, 0]),
        ({"status": "failed"}, [3]),
        ({"variant": "other"}, [4]),
        ({"boundary": "provider"}, [3]),
        ({"min_reward": 0.5}, [1, 0]),
        ({"min_reward": 0.1, "max_reward": 0.9}, [1]),
        ({"taskset": "letters", "job": "job-1", "task": "two"}, [4, 3, 2]),
        ({"taskset": "other"}, []),
        ({"columns": {"level": "easy"}}, [1, 0]),
        ({"columns": {"tags": "b"}}, [2, 1, 0]),
        ({"columns": {"tags": "b", "level": "hard"}}, [2]),
        ({"columns": {"size": "10"}}, [1, 0]),
        ({"columns": {"ok": "true"}}, [2]),
        ({"columns": {"missing": "x"}}, []),
        ({"sort": "reward"}, [2, 1, 0, 3, 4]),
        ({"sort": "-reward"}, [0, 1, 2, 4, 3]),
        ({"sort": "-tokens", "limit": 1}, [4]),
        ({"sort": "column:size"}, [2, 3, 0, 1, 4]),
        ({"sort": "-column:level"}, [3, 2, 1, 0, 4]),
        ({"offset": 1, "limit": 2}, [3, 2]),
    ],
    ids=str,
)
async def test_rollouts_are_filtered_sorted_and_paged(
    store: Store, filters: dict[str, Any], expected: list[int]
) -> None:
    await store.add_rollouts(SAMPLES)
    page = await store.rollouts(**filters)
    assert [record.index for record in page.items] == expected
    assert page.total == len(expected) or "limit" in filters


async def test_the_total_of_a_page_counts_all_pages(store: Store) -> None:
    await store.add_rollouts(SAMPLES)
    page = await store.rollouts(status="scored", limit=1, offset=1)
    assert (len(page.items), page.total, page.offset) == (1, 3, 1)


async def test_neighbours_go_by_task_variant_and_number(store: Store) -> None:
    await store.add_rollouts(SAMPLES)
    assert await store.neighbours("job-1", "one.model.0") == (None, "one.model.1")
    assert await store.neighbours("job-1", "two.model.2") == ("one.model.1", "two.model.3")
    assert await store.neighbours("job-1", "two.other.4") == ("two.model.3", None)


async def test_an_unknown_rollout_is_an_error_that_names_both(store: Store) -> None:
    with pytest.raises(NotFound, match="job `job-1` has no rollout `x`"):
        await store.transcript("job-1", "x")


async def test_numbers_that_no_database_holds_are_kept_in_the_record(store: Store) -> None:
    huge = scored("one", 0, 1.0, tool_calls=10**30, columns={"n": 10**40, "text": "x" * 5000})
    nothing = Transcript.model_validate_json(huge.model_dump_json())
    await store.add_rollout(nothing)
    assert (await store.rollout("job-1", "one.model.0")).tool_calls == 10**30
    assert (await store.rollouts(columns={"text": "x" * 5000})).total == 1

"""Jobs: their counters, lists and end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.errors import NotFound
from controller.store import Store
from hud.errors import UserError
from hud.types import Usage
from tests.controller.store.records import BEGAN, failed, job, scored

pytestmark = pytest.mark.anyio


async def test_a_job_comes_back_as_it_was_written(store: Store) -> None:
    record = job(command=["hud", "eval"], seed="s", name="half a character: \ud83d")
    await store.add_job(record, taskset="letters", is_remote=True)
    found = await store.job(record.id)
    assert found.job == record.model_copy(update={"name": "half a character: ?"})
    assert (found.taskset, found.is_remote, found.totals.expected) == ("letters", True, 4)


async def test_the_counters_add_up_what_ended(store: Store) -> None:
    await store.add_job(job())
    usage = Usage(input_tokens=5, output_tokens=2, cached_tokens=1)
    await store.add_rollout(scored("one", 0, 1.0, usage=usage))
    await store.add_rollout(scored("one", 1, 0.5, usage=usage))
    await store.add_rollout(failed("two", 0))
    totals = (await store.job("job-1")).totals
    assert (totals.ended, totals.scored, totals.passed, totals.failed) == (3, 2, 1, 1)
    assert (totals.mean, totals.rollout_seconds) == (0.75, 4.5)
    assert totals.usage == usage + usage


async def test_a_job_that_is_written_again_keeps_rollouts_and_taskset(store: Store) -> None:
    await store.add_job(job(), taskset="letters")
    await store.add_rollout(scored("one", 0, 1.0))
    await store.add_job(job(status="finished", seconds=3.0))
    found = await store.job("job-1")
    assert (found.job.status, found.taskset, found.totals.ended) == ("finished", "letters", 1)


async def test_a_finished_job_says_how_and_when(store: Store) -> None:
    await store.add_job(job())
    await store.finish_job("job-1", "cancelled", 12.5)
    record = (await store.job("job-1")).job
    assert (record.status, record.seconds) == ("cancelled", 12.5)
    kinds = [(event.kind, event.data["status"]) for event in await store.events(0)]
    assert kinds == [("job", "running"), ("job", "cancelled")]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["c", "b", "a"]),
        ({"sort": "created_at"}, ["a", "b", "c"]),
        ({"taskset": "letters"}, ["b", "a"]),
        ({"status": "finished"}, ["b"]),
        ({"search": "MATH"}, ["c"]),
        ({"search": "%"}, []),
        ({"offset": 1, "limit": 1}, ["b"]),
        ({"offset": 10**30, "limit": -3}, []),
    ],
    ids=["newest-first", "oldest", "taskset", "status", "search", "no-wildcard", "page", "beyond"],
)
async def test_jobs_are_filtered_and_paged(
    store: Store, filters: dict[str, object], expected: list[str]
) -> None:
    await store.add_job(job("a"), taskset="letters")
    await store.add_job(
        job("b", created_at=BEGAN + timedelta(hours=1), status="finished"), taskset="letters"
    )
    await store.add_job(job("c", created_at=BEGAN + timedelta(hours=2), name="Maths"))
    page = await store.jobs(**filters)  # type: ignore[arg-type]  # a table of filters
    assert [view.job.id for view in page.items] == expected


async def test_what_cannot_be_sorted_by_is_named(store: Store) -> None:
    with pytest.raises(UserError, match="cannot sort by `create`") as caught:
        await store.jobs(sort="create")
    assert "created_at" in str(caught.value.hint)


async def test_an_unknown_job_is_an_error_that_names_it(store: Store) -> None:
    with pytest.raises(NotFound, match="no job `job-9`"):
        await store.job("job-9")
    with pytest.raises(NotFound, match="no job"):
        await store.job("half \ud83d")
    with pytest.raises(NotFound):
        await store.finish_job("job-\0", "finished", None)


async def test_old_jobs_go_with_their_rollouts_and_running_ones_stay(store: Store) -> None:
    await store.add_job(job())
    await store.add_rollout(scored("one", 0, 1.0, columns={"level": "easy"}))
    await store.add_job(job("running"))
    await store.add_job(job("new", created_at=BEGAN + timedelta(days=2), status="finished"))
    await store.finish_job("job-1", "finished", 1.0)
    assert await store.remove_jobs_before(BEGAN + timedelta(days=1)) == 1
    assert [view.job.id for view in (await store.jobs()).items] == ["new", "running"]
    assert (await store.rollouts(columns={"level": "easy"})).total == 0
    assert (await store.storage()).rollouts == 0


@pytest.mark.parametrize("identity", ["", "x" * 501], ids=["empty", "long"])
async def test_an_id_that_no_index_holds_is_refused(store: Store, identity: str) -> None:
    with pytest.raises(UserError, match="1 to 500 characters"):
        await store.add_job(job(identity))

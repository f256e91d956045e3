"""A job's results, and jobs side by side."""

from __future__ import annotations

import pytest

from controller.errors import NotFound
from controller.store import Store
from hud.types import Usage
from hud.wire import Transcript, Variant
from tests.controller.store.records import ended, failed, job, scored

pytestmark = pytest.mark.anyio


async def test_results_have_a_row_for_each_task_in_the_jobs_order(store: Store) -> None:
    await store.add_job(job(tasks=["two", "one", "none"]))
    await store.add_rollouts(
        [
            scored("one", 0, 0.5, columns={"level": "easy"}),
            scored("one", 1, 1.0),
            failed("two", 1),
            scored("extra", 0, 0.0),
        ]
    )
    page = await store.job_tasks("job-1")
    rows = {item.task: item.results[0] for item in page.items}
    assert {task: (row.rewards, row.statuses) for task, row in rows.items()} == {
        "two": ([None, None], [None, "failed"]),
        "one": ([0.5, 1.0], ["scored", "scored"]),
        "none": ([None, None], [None, None]),
        "extra": ([0.0, None], ["scored", None]),
    }
    assert [item.task for item in page.items] == ["two", "one", "none", "extra"]
    (one,) = page.items[1].results
    assert one.reward is not None
    assert (one.reward.mean, one.seconds, page.items[1].columns) == (0.75, 3.0, {"level": "easy"})


async def test_variants_are_summed_up_apart(store: Store) -> None:
    variants = [Variant(name=name, agent="openai") for name in ("model", "other", "idle")]
    await store.add_job(job(variants=variants))
    usage = Usage(input_tokens=7, output_tokens=3)
    await store.add_rollouts(
        [
            scored("one", 0, 1.0, usage=usage),
            scored("one", 1, 0.0, usage=usage),
            scored("two", 0, 1.0, variant="other"),
            failed("two", 1, variant="other"),
        ]
    )
    model, other, idle = (await store.results("job-1")).variants
    assert (model.reward and model.reward.mean, model.pass_at) == (0.5, {1: 0.5, 2: 1.0})
    assert model.usage == usage + usage
    assert (other.failed, other.pass_at, other.seconds) == (1, {1: 1.0}, 3.0)
    assert (idle.variant, idle.reward, idle.failed) == ("idle", None, 0)


async def test_failures_are_grouped_by_boundary_and_reason(store: Store) -> None:
    await store.add_job(job())
    await store.add_rollouts([failed("one", 0), failed("one", 1), failed("two", 0, error=None)])
    groups = (await store.results("job-1")).failures
    assert [(g.boundary, g.error, g.count) for g in groups] == [
        ("provider", "503: overloaded", 2),
        ("provider", "no reason given", 1),
    ]
    assert groups[0].rollouts == ["one.model.0", "one.model.1"]


async def test_a_job_without_rollouts_has_results(store: Store) -> None:
    await store.add_job(job())
    results = await store.results("job-1")
    tasks = (await store.job_tasks("job-1")).items
    assert [row.reward for task in tasks for row in task.results] == [None, None]
    assert results.tasks == 2
    assert (results.variants[0].reward, results.failures) == (None, [])


async def test_a_number_that_no_group_has_does_not_grow_the_row(store: Store) -> None:
    await store.add_job(job())
    await store.add_rollout(ended("one", 10**12, status="scored", reward=1.0))
    (row,) = (await store.job_tasks("job-1")).items[0].results
    assert (len(row.rewards), row.runs) == (2, 2)


def runs(job_id: str, rewards: dict[str, list[float]]) -> list[Transcript]:
    return [
        scored(task, number, reward, job_id=job_id)
        for task, values in rewards.items()
        for number, reward in enumerate(values)
    ]


async def test_jobs_are_compared_task_by_task(store: Store) -> None:
    await store.add_job(job("old", tasks=["a", "b", "c"]))
    await store.add_job(job("new", tasks=["b", "a", "d"]))
    await store.add_rollouts(runs("old", {"a": [0.0, 1.0], "b": [0.0], "c": [1.0]}))
    await store.add_rollouts(runs("new", {"a": [1.0], "b": [0.0], "d": [1.0]}))
    comparison = await store.compare(["old", "new"])
    assert comparison.entries == ["old model", "new model"]
    tasks = (await store.compared_tasks(["old", "new"])).items
    assert {row.task: (row.means, row.change) for row in tasks} == {
        "a": ([0.5, 1.0], 0.5),
        "b": ([0.0, 0.0], 0.0),
        "c": ([1.0, None], None),
        "d": ([None, 1.0], None),
    }
    assert [row.task for row in tasks] == ["a", "b", "c", "d"]
    assert (comparison.tasks, comparison.changes) == (4, {"better": 1, "same": 1, "worse": 0})
    (difference,) = comparison.differences
    assert (difference.better, difference.worse, difference.same) == (1, 0, 1)
    assert difference.difference is not None
    assert (difference.difference.mean, difference.p_value) == (0.25, 1.0)


async def test_a_clear_difference_has_a_small_p_value(store: Store) -> None:
    slugs = [f"task-{n}" for n in range(12)]
    for job_id, reward in (("old", 0.2), ("new", 0.6)):
        await store.add_job(job(job_id, tasks=slugs))
        await store.add_rollouts(runs(job_id, {slug: [reward] for slug in slugs}))
    (difference,) = (await store.compare(["old", "new"])).differences
    assert difference.p_value == pytest.approx(2 / 2**12)
    assert difference.better == 12


async def test_a_comparison_with_an_unknown_job_is_an_error(store: Store) -> None:
    await store.add_job(job())
    with pytest.raises(NotFound, match="no job `x`"):
        await store.compare(["job-1", "x"])

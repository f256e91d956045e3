"""A job's results, and jobs side by side."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.errors import NotFound
from controller.store import Store
from hud.eval.statistics import interval
from hud.types import Usage
from hud.wire import Transcript, Variant
from tests.controller.store.records import BEGAN, ended, failed, job, scored

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


async def test_pages_of_tasks_follow_each_other(store: Store) -> None:
    slugs = [f"task-{number}" for number in range(7)]
    await store.add_job(job(tasks=slugs))
    pages = [await store.job_tasks("job-1", offset=start, limit=3) for start in (0, 3, 6)]
    assert [item.task for page in pages for item in page.items] == slugs
    assert {page.total for page in pages} == {7}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["never", "all", "some", "lost", "none"]),
        ({"which": "open"}, ["never", "some", "lost", "none"]),
        ({"which": "mixed"}, ["some"]),
        ({"which": "failed"}, ["lost"]),
        ({"search": "NE"}, ["never", "none"]),
        ({"columns": {"level": "2"}}, ["some"]),
        ({"columns": {"level": "..1", "kind": "x"}}, ["all"]),
        ({"sort": "mean"}, ["none", "some", "all", "never", "lost"]),
        ({"sort": "-mean"}, ["all", "some", "none", "lost", "never"]),
        ({"sort": "task"}, ["all", "lost", "never", "none", "some"]),
    ],
    ids=["all", "open", "mixed", "failed", "search", "column", "columns", "low", "high", "name"],
)
async def test_tasks_are_filtered_and_sorted(store: Store, filters: Any, found: list[str]) -> None:
    await store.add_job(job(tasks=["never", "all", "some", "lost", "none"]))
    await store.add_rollouts(
        [
            *(scored("all", n, 1.0, columns={"level": 1, "kind": ["x", "y"]}) for n in range(2)),
            scored("some", 0, 1.0, columns={"level": 2}),
            scored("some", 1, 0.0, columns={"level": 2}),
            failed("lost", 0),
            scored("none", 0, 0.0),
        ]
    )
    assert [item.task for item in (await store.job_tasks("job-1", **filters)).items] == found


async def test_only_the_first_runs_are_shown_and_all_are_counted(store: Store) -> None:
    await store.add_job(job(tasks=["one"], group=40))
    await store.add_rollouts([scored("one", n, float(n < 10)) for n in range(40)])
    (row,) = (await store.job_tasks("job-1", runs=5)).items[0].results
    assert (row.rewards, row.runs) == ([1.0] * 5, 40)
    assert row.reward is not None
    assert (row.reward.mean, row.reward.count) == (0.25, 40)


async def test_a_rollout_that_was_run_again_counts_once(store: Store) -> None:
    await store.add_job(job(tasks=["one"], group=1))
    await store.add_rollout(failed("one", 0, columns={"level": "easy"}))
    later = BEGAN + timedelta(hours=1)
    await store.add_rollout(scored("one", 0, 1.0, started_at=later))
    (item,) = (await store.job_tasks("job-1")).items
    assert (item.results[0].failed, item.results[0].seconds) == (0, 1.5)
    assert item.columns == {"level": "easy"}
    (variant,) = (await store.results("job-1")).variants
    assert (variant.failed, variant.reward and variant.reward.count) == (0, 1)


async def test_a_job_that_is_planned_anew_keeps_what_was_played(store: Store) -> None:
    await store.add_job(job(tasks=["one", "two", "gone"]))
    await store.add_rollout(scored("one", 0, 1.0))
    await store.add_job(job(tasks=["three", "two"]))
    items = (await store.job_tasks("job-1")).items
    assert [item.task for item in items] == ["three", "two", "one"]


async def test_variants_have_the_interval_of_their_rewards(store: Store) -> None:
    rewards = {"a": [0.1, 0.7, 1.0], "b": [0.4], "c": [0.0, 0.3]}
    await store.add_job(job(tasks=list(rewards)))
    await store.add_rollouts(runs("job-1", rewards))
    (variant,) = (await store.results("job-1")).variants
    expected = interval(rewards.values())
    assert variant.reward is not None
    assert expected is not None
    assert variant.reward.model_dump() == pytest.approx(expected.model_dump())


async def test_columns_are_told_with_some_of_their_values(store: Store) -> None:
    await store.add_job(job(tasks=["a", "b"]))
    await store.add_rollouts(
        [
            scored("a", 0, 1.0, columns={"level": 1, "kind": "x", "tags": ["p", "q"]}),
            scored("b", 0, 1.0, columns={"level": 2.5, "kind": "y"}),
        ]
    )
    columns = (await store.results("job-1")).columns
    assert {name: (it.type, it.options) for name, it in columns.items()} == {
        "kind": ("text", ["x", "y"]),
        "level": ("number", []),
        "tags": ("multi-select", ["p", "q"]),
    }
    assert (await store.job_tasks("job-1")).items[0].columns["tags"] == ["p", "q"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["much", "little", "same", "new"]),
        ({"change": "better"}, ["much"]),
        ({"change": "worse"}, ["little"]),
        ({"change": "same"}, ["same"]),
        ({"search": "mu"}, ["much"]),
        ({"columns": {"kind": "x"}}, ["much"]),
        ({"offset": 1, "limit": 2}, ["little", "same"]),
    ],
    ids=["all", "better", "worse", "same", "search", "column", "page"],
)
async def test_compared_tasks_are_filtered_the_largest_change_first(
    store: Store, filters: Any, found: list[str]
) -> None:
    await store.add_job(job("old", tasks=["same", "little", "much"]))
    await store.add_job(job("new", tasks=["new", "much", "little", "same"]))
    await store.add_rollouts(runs("old", {"same": [0.3], "little": [0.5], "much": [0.0]}))
    await store.add_rollouts(runs("new", {"same": [0.1 + 0.2], "little": [0.4], "new": [1.0]}))
    await store.add_rollout(scored("much", 0, 1.0, job_id="new", columns={"kind": "x"}))
    page = await store.compared_tasks(["old", "new"], **filters)
    assert [item.task for item in page.items] == found


async def test_a_job_is_compared_by_its_variants(store: Store) -> None:
    variants = [Variant(name=name, agent="openai") for name in ("weak", "strong")]
    await store.add_job(job(tasks=["one"], variants=variants))
    await store.add_rollouts(
        [scored("one", 0, 0.0, variant="weak"), scored("one", 0, 1.0, variant="strong")]
    )
    comparison = await store.compare(["job-1"])
    assert comparison.entries == ["job-1 weak", "job-1 strong"]
    assert (comparison.names, comparison.changes["better"]) == (["count", "count"], 1)

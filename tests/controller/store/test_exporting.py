"""A job's rollouts and tasks in pieces."""

from __future__ import annotations

import pytest

from controller.store import Store
from hud.wire import Variant
from tests.controller.store.records import ended, failed, job, scored

pytestmark = pytest.mark.anyio


async def test_rollouts_come_in_pieces_by_task_variant_and_number(store: Store) -> None:
    await store.add_job(job())
    await store.add_rollouts([scored(task, n, 1.0) for task in ("two", "one") for n in (1, 0)])
    found, place = [], None
    while True:
        piece, place = await store.rollouts_after("job-1", place, 3)
        if not piece:
            break
        found += [record.id for record in piece]
    assert found == ["one.model.0", "one.model.1", "two.model.0", "two.model.1"]


async def test_tasks_come_in_pieces_with_what_their_rollouts_had(store: Store) -> None:
    await store.add_job(job(tasks=["b", "a", "never"]))
    given = {"scenario": "env:count", "args": {"n": 1}, "columns": {"level": 2}}
    await store.add_rollouts([scored("b", 0, 1.0, **given), scored("a", 0, 0.0, scenario="say")])
    first = await store.tasks_after("job-1", "", 1)
    rest = await store.tasks_after("job-1", first[-1]["slug"], 10)
    assert [task["slug"] for task in first + rest] == ["a", "b"]
    assert rest[0] == {"slug": "b", "env": {"name": "env"}, "scenario": "count"} | {
        "args": {"n": 1},
        "columns": {"level": 2},
    }


async def test_runs_are_named_by_variant_and_number(store: Store) -> None:
    variants = [Variant(name=name, agent="openai") for name in ("x", "idle")]
    await store.add_job(job(variants=variants, group=2))
    await store.add_rollouts([scored("one", 2, 0.5, variant="x"), failed("one", 0, variant="x")])
    assert await store.run_names("job-1") == ["x.0", "x.1", "x.2", "idle.0", "idle.1"]
    assert await store.rewards_of("job-1", ["one"]) == {"one": {"x.0": None, "x.2": 0.5}}


@pytest.mark.parametrize("slug", ["a\0b", "half \ud800", "x" * 500], ids=["null", "half", "long"])
async def test_odd_slugs_are_exported_once(store: Store, slug: str) -> None:
    await store.add_job(job(tasks=[slug, ""]))
    await store.add_rollout(ended(slug, 0, id="odd", status="scored", reward=1.0))
    (task,) = await store.tasks_after("job-1", "", 10)
    assert await store.tasks_after("job-1", task["slug"], 10) == []
    assert (await store.rewards_of("job-1", [task["slug"]]))[task["slug"]] == {"model.0": 1.0}
    (row,) = (await store.job_tasks("job-1")).items
    assert row.results[0].rewards[0] == 1.0

"""Tasksets: uploads, versions, columns, and what rollouts say about the tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.errors import NotFound
from controller.store import Store
from hud.errors import UserError
from hud.wire.tasksets import Column, TaskUpload
from tests.controller.store.records import BEGAN, failed, job, scored

pytestmark = pytest.mark.anyio


def task(slug: str, **fields: Any) -> dict[str, Any]:
    return {"slug": slug, "scenario": "letters:count", "args": {"word": slug}, **fields}


def upload(*tasks: dict[str, Any], **options: bool) -> TaskUpload:
    return TaskUpload(tasks=list(tasks), **options)


async def test_an_upload_creates_a_taskset_with_columns(store: Store) -> None:
    plan = await store.upload("letters", upload(task("a", columns={"level": 1}), task("b")))
    assert (plan.exists, plan.applied) == (False, True)
    record = await store.taskset("letters")
    assert (record.tasks, record.columns) == (2, {"level": Column(type="number")})
    assert [found.name for found in await store.tasksets()] == ["letters"]
    assert await store.export("letters") == [task("a", columns={"level": 1}), task("b")]


async def test_a_dry_run_plans_and_changes_nothing(store: Store) -> None:
    plan = await store.upload("letters", upload(task("a"), dry_run=True))
    assert [(p.slug, p.change) for p in plan.tasks] == [("a", "create")]
    assert not plan.applied
    assert await store.tasksets() == []


async def test_an_upload_makes_versions_of_what_changed_and_removes_nothing(store: Store) -> None:
    await store.upload("letters", upload(task("a"), task("b"), task("c")))
    plan = await store.upload(
        "letters", upload(task("a", args={"word": "x"}), task("b"), task("d"))
    )
    assert plan.exists
    assert {p.slug: p.change for p in plan.tasks} == {
        "a": "update", "b": "unchanged", "d": "create", "c": "remote-only",
    }  # fmt: skip
    page = await store.tasks("letters")
    assert [(item.slug, item.version) for item in page.items] == [
        ("a", 2), ("b", 1), ("c", 1), ("d", 1),
    ]  # fmt: skip


async def test_the_history_of_a_task_has_every_version(store: Store) -> None:
    await store.upload("letters", upload(task("a")))
    await store.upload("letters", upload(task("a", args={"word": "x"})))
    versions = await store.task_versions("letters", "a")
    assert [(v.version, v.args["word"]) for v in versions] == [(2, "x"), (1, "a")]
    assert (await store.task("letters", "a", version=1)).args == {"word": "a"}
    with pytest.raises(NotFound, match="no version 3"):
        await store.task("letters", "a", version=3)


async def test_force_makes_versions_of_unchanged_tasks(store: Store) -> None:
    await store.upload("letters", upload(task("a")))
    await store.upload("letters", upload(task("a"), force=True))
    assert (await store.task("letters", "a")).version == 2


async def test_columns_are_cleared_and_their_definition_stays(store: Store) -> None:
    await store.upload("letters", upload(task("a", columns={"tags": ["x"], "level": 1})))
    await store.upload("letters", upload(task("a", columns={"level": "now text"})))
    assert (await store.task("letters", "a")).columns == {"level": "now text"}
    assert (await store.tasks("letters", columns={"tags": "x"})).total == 0
    assert (await store.taskset("letters")).columns == {
        "level": Column(type="number"),
        "tags": Column(type="multi-select", options=["x"]),
    }


async def test_a_bad_upload_changes_nothing(store: Store) -> None:
    with pytest.raises(UserError, match="two tasks have the slug `a`"):
        await store.upload("letters", upload(task("a"), task("a")))
    assert await store.tasksets() == []


async def test_an_edit_is_a_version_and_none_clears(store: Store) -> None:
    await store.upload("letters", upload(task("a", columns={"level": 1})))
    edited = await store.edit_task("letters", "a", {"args": {"word": "z"}, "columns": None})
    assert (edited.version, edited.args, edited.columns) == (2, {"word": "z"}, {})
    assert (await store.edit_task("letters", "a", {"args": {"word": "z"}})).version == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slug": "b"}, "`slug` cannot be edited"),
        ({"scenario": None}, "no scenario"),
        ({"args": "x"}, "args"),
    ],
    ids=["slug", "scenario", "args"],
)
async def test_a_bad_edit_is_refused(store: Store, changes: dict[str, Any], message: str) -> None:
    await store.upload("letters", upload(task("a")))
    with pytest.raises(UserError, match=message):
        await store.edit_task("letters", "a", changes)
    assert (await store.task("letters", "a")).version == 1


SAMPLES = (
    task("apple", columns={"level": 10, "tags": ["x", "y"]}),
    task("pear", columns={"level": 9, "tags": ["y"]}),
    task("plum", scenario="letters:find"),
)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["apple", "pear", "plum"]),
        ({"search": "PL"}, ["apple", "plum"]),
        ({"scenario": "letters:find"}, ["plum"]),
        ({"columns": {"tags": "y"}}, ["apple", "pear"]),
        ({"columns": {"level": "9"}}, ["pear"]),
        ({"columns": {"level": "9.5.."}}, ["apple"]),
        ({"columns": {"level": "..9"}}, ["pear"]),
        ({"columns": {"level": "9..10"}}, ["apple", "pear"]),
        ({"columns": {"level": ".."}}, []),
        ({"sort": "-slug"}, ["plum", "pear", "apple"]),
        ({"sort": "column:level"}, ["pear", "apple", "plum"]),
        ({"sort": "-mean"}, ["pear", "apple", "plum"]),
        ({"sort": "-runs", "limit": 1}, ["apple"]),
    ],
    ids=str,
)
async def test_tasks_are_filtered_and_sorted(
    store: Store, filters: dict[str, Any], expected: list[str]
) -> None:
    await store.upload("fruit", upload(*SAMPLES))
    await store.add_job(job(), taskset="fruit")
    rewards = {"apple": [0.0, 0.5], "pear": [1.0]}
    for slug, values in rewards.items():
        await store.add_rollouts([scored(slug, n, value) for n, value in enumerate(values)])
    page = await store.tasks("fruit", **filters)
    assert [item.slug for item in page.items] == expected


async def test_a_task_shows_the_rewards_of_its_tasksets_jobs(store: Store) -> None:
    await store.upload("letters", upload(task("a")))
    await store.add_job(job(), taskset="letters")
    await store.add_job(job("elsewhere"), taskset="other")
    await store.add_job(job("later", created_at=BEGAN + timedelta(days=2)))
    await store.add_rollouts([scored("a", n, r) for n, r in enumerate((0.0, 0.1, 0.95, 1.0))])
    await store.add_rollouts([failed("a", 9), scored("a", 0, 0.5, job_id="elsewhere")])
    await store.add_rollout(scored("a", 0, 0.3, job_id="later"))
    item = (await store.tasks("letters")).items[0]
    assert item.runs == 4
    assert item.mean == pytest.approx(0.5125)
    assert item.histogram == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    await store.add_job(job("later", created_at=BEGAN + timedelta(days=2)), taskset="letters")
    await store.finish_job("job-1", "finished", 1.0)
    await store.remove_jobs_before(BEGAN + timedelta(days=1))
    item = (await store.tasks("letters")).items[0]
    assert (item.runs, item.mean) == (1, 0.3)
    assert item.histogram == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


async def test_what_is_removed_is_gone_and_jobs_stay(store: Store) -> None:
    await store.upload("letters", upload(task("a"), task("b")))
    await store.add_job(job(), taskset="letters")
    await store.remove_task("letters", "a")
    assert [item["slug"] for item in await store.export("letters")] == ["b"]
    await store.remove_taskset("letters")
    with pytest.raises(NotFound, match="no taskset `letters`"):
        await store.tasks("letters")
    assert (await store.job("job-1")).taskset == "letters"


async def test_near_names_are_offered(store: Store) -> None:
    await store.upload("letters", upload(task("strawberry-r")))
    with pytest.raises(NotFound) as caught:
        await store.taskset("leters")
    assert caught.value.hint == "did you mean `letters`?"
    with pytest.raises(NotFound) as caught:
        await store.task("letters", "strawbery-r")
    assert caught.value.hint == "did you mean `strawberry-r`?"


async def test_the_schema_can_be_replaced(store: Store) -> None:
    await store.upload("letters", upload(task("a", columns={"level": 1})))
    schema = {"level": Column(type="text")}
    assert (await store.set_columns("letters", schema)).columns == schema

"""Remote evaluations, from the request to what the store has afterwards."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.errors import Conflict, NotFound
from controller.store import Store
from hud.errors import UserError
from hud.wire import JobView, Variant
from tests.controller.evaluations.conftest import Open, Upload, request, task

pytestmark = pytest.mark.anyio

SECONDS = 20.0


async def until(store: Store, job_id: str, **totals: int) -> JobView:
    """The job, once its numbers are those, or it has ended."""
    async with asyncio.timeout(SECONDS):
        while True:
            view = await store.job(job_id)
            counted = all(getattr(view.totals, name) >= least for name, least in totals.items())
            if (totals and counted) or (not totals and view.job.status != "running"):
                return view
            await asyncio.sleep(0.02)


async def test_an_environments_own_tasks_are_played(opening: Open, store: Store) -> None:
    async with opening() as evaluations:
        accepted = await evaluations.start(request("letters", group_size=2))
        assert (accepted.job.status, accepted.is_remote) == ("running", True)
        assert accepted.job.tasks == ["strawberry", "apple", "cherry"]
        ended = await until(store, accepted.job.id)
    assert (ended.job.status, ended.totals.scored, ended.totals.mean) == ("finished", 6, 1.0)
    transcript = await store.transcript(accepted.job.id, "strawberry.oracle.0")
    assert [step.name for step in transcript.steps] == ["setup", "grade"]


async def test_a_taskset_is_played_by_several_variants(
    opening: Open, store: Store, upload: Upload
) -> None:
    await upload("spelling", task("a"), task("b", word="apple"))
    agents = [Variant(name="oracle", agent="oracle"), Variant(name="idle", agent="nop")]
    async with opening() as evaluations:
        view = await evaluations.start(request("spelling", agents=agents))
        await until(store, view.job.id)
    results = await store.results(view.job.id)
    means = {item.variant: item.reward.mean for item in results.variants if item.reward}
    assert means == {"oracle": 0.5, "idle": 0.0}
    assert results.view.taskset == "spelling"


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        ("spelling/b", {}, ["b"]),
        ("spelling", {"task_ids": ["b", "a"]}, ["b", "a"]),
        ("spelling", {"full": False}, ["a"]),
    ],
    ids=["slug", "ids", "first"],
)
async def test_a_part_of_a_taskset_is_played(
    opening: Open, upload: Upload, source: str, options: dict[str, Any], expected: list[str]
) -> None:
    await upload("spelling", task("a"), task("b"))
    async with opening() as evaluations:
        view = await evaluations.start(request(source, **options))
    assert view.job.tasks == expected


async def test_a_taskset_is_played_in_another_environment(
    opening: Open, store: Store, upload: Upload
) -> None:
    await upload("spelling", task("a", env="elsewhere"), task("b", scenario="elsewhere:count"))
    async with opening() as evaluations:
        view = await evaluations.start(request("spelling", environment="letters"))
        ended = await until(store, view.job.id)
    assert (ended.totals.scored, ended.totals.mean) == (2, 1.0)
    assert (ended.taskset, ended.job.environment) == ("spelling", "letters")
    assert ended.job.tasks == ["a", "b"]


async def test_an_environment_that_nobody_has_is_refused_with_near_names(
    opening: Open, store: Store, upload: Upload
) -> None:
    await upload("spelling", task("a"))
    async with opening() as evaluations:
        with pytest.raises(NotFound, match="no environment `leters`") as caught:
            await evaluations.start(request("spelling", environment="leters"))
    assert caught.value.hint == "did you mean `letters`?"
    assert (await store.jobs()).total == 0


@pytest.mark.parametrize(
    ("source", "agent", "complaint"),
    [
        ("leters", "oracle", "no taskset and no environment `leters`"),
        ("spelling/nosuch", "oracle", "no task named `nosuch`"),
        ("spelling", "nosuch", "no agent and no known model"),
    ],
)
async def test_what_cannot_be_played_is_refused_before_it_begins(
    opening: Open, store: Store, upload: Upload, source: str, agent: str, complaint: str
) -> None:
    await upload("spelling", task("a"))
    async with opening() as evaluations:
        with pytest.raises(UserError, match=complaint):
            await evaluations.start(request(source, agent))
    assert (await store.jobs()).total == 0


async def test_an_agent_that_brings_a_key_is_refused(opening: Open) -> None:
    variant = Variant(name="mine", agent="openai", parameters={"api_key": "sk-1"})
    async with opening() as evaluations:
        with pytest.raises(UserError, match="`api_key` is no option") as caught:
            await evaluations.start(request("letters", agents=[variant]))
    assert "sk-1" not in str(caught.value)


async def test_an_environment_that_is_not_there_fails_its_rollouts_only(
    opening: Open, store: Store, upload: Upload
) -> None:
    await upload("mixed", task("here"), task("away", env="elsewhere"))
    async with opening() as evaluations:
        view = await evaluations.start(request("mixed"))
        ended = await until(store, view.job.id)
    assert (ended.totals.scored, ended.totals.failed) == (1, 1)
    failed = await store.rollout(view.job.id, "away.oracle.0")
    assert (failed.boundary, failed.error) == ("start", "no environment `elsewhere`")


async def test_a_cancelled_job_keeps_what_had_ended(
    opening: Open, store: Store, upload: Upload
) -> None:
    await upload("slow", task("quick"), task("long", "wait"))
    async with opening() as evaluations:
        view = await evaluations.start(request("slow"))
        await until(store, view.job.id, ended=1)
        cancelled = await evaluations.cancel(view.job.id)
        with pytest.raises(Conflict, match="has ended"):
            await evaluations.cancel(view.job.id)
    assert (cancelled.job.status, cancelled.totals.ended) == ("cancelled", 1)


async def test_a_job_can_be_cancelled_before_its_first_step(opening: Open, store: Store) -> None:
    async with opening() as evaluations:
        view = await evaluations.start(request("letters"))
        assert (await evaluations.cancel(view.job.id)).job.status == "cancelled"
        assert await evaluations.cancel_all() == []


async def test_one_rollout_is_cancelled_and_the_others_go_on(
    opening: Open, store: Store, upload: Upload, workspace: Path
) -> None:
    await upload("slow", task("long", "wait"), task("longer", "wait"))
    async with opening() as evaluations:
        view = await evaluations.start(request("slow"))
        with pytest.raises(NotFound, match="no rollout `nosuch`"):
            await evaluations.cancel_rollout(view.job.id, "nosuch")
        await evaluations.cancel_rollout(view.job.id, "long.oracle.0")
        await until(store, view.job.id, cancelled=1)
        (workspace / "letters" / "go").touch()
        ended = await until(store, view.job.id)
    assert (ended.job.status, ended.totals.cancelled, ended.totals.scored) == ("finished", 1, 1)
    assert (await store.rollout(view.job.id, "long.oracle.0")).status == "cancelled"


async def test_all_jobs_together_play_no_more_than_there_are_slots(
    opening: Open, store: Store, upload: Upload, workspace: Path
) -> None:
    await upload("slow", task("long", "wait"))
    async with opening(slots=1) as evaluations:
        first = await evaluations.start(request("slow"))
        await asyncio.sleep(0)
        second = await evaluations.start(request("letters"))
        assert (await store.job(second.job.id)).totals.ended == 0
        (workspace / "letters" / "go").touch()
        assert (await until(store, first.job.id)).totals.scored == 1
        assert (await until(store, second.job.id)).totals.scored == 3


async def test_what_a_stopped_controller_left_is_gone_on_with(
    opening: Open, store: Store, upload: Upload, workspace: Path
) -> None:
    await upload("slow", task("quick"), task("long", "wait"))
    async with opening() as evaluations:
        view = await evaluations.start(request("slow", group_size=2))
        before = await until(store, view.job.id, ended=2)
    assert before.job.status == (await store.job(view.job.id)).job.status == "running"
    quick = await store.rollout(view.job.id, "quick.oracle.0")
    (workspace / "letters" / "go").touch()
    async with opening() as evaluations:
        assert await evaluations.resume() == [view.job.id]
        ended = await until(store, view.job.id)
    assert (ended.job.status, ended.totals.scored) == ("finished", 4)
    assert await store.rollout(view.job.id, "quick.oracle.0") == quick


async def test_a_job_whose_plan_is_lost_ends_as_cancelled_with_the_reason(
    opening: Open, store: Store, upload: Upload, tmp_path: Path
) -> None:
    await upload("slow", task("long", "wait"))
    async with opening() as evaluations:
        view = await evaluations.start(request("slow"))
    (tmp_path / "evaluations" / f"{view.job.id}.json").unlink()
    async with opening() as evaluations:
        assert await evaluations.resume() == []
    assert (await store.job(view.job.id)).job.status == "cancelled"
    reasons = [event.data.get("reason") for event in await store.events(kinds=["job"])]
    assert f"job `{view.job.id}` was not planned by this controller" in reasons


async def test_only_what_has_no_reward_is_played_again(
    opening: Open, store: Store, upload: Upload, workspace: Path
) -> None:
    await upload("shaky", task("good"), task("bad", "broken"))
    async with opening() as evaluations:
        view = await evaluations.start(request("shaky"))
        first = await until(store, view.job.id)
        assert (first.totals.scored, first.totals.failed) == (1, 1)
        good = await store.rollout(view.job.id, "good.oracle.0")
        (workspace / "letters" / "go").touch()
        again = await evaluations.rerun(view.job.id)
        assert (again.job.id, again.job.status) == (view.job.id, "running")
        second = await until(store, view.job.id)
        with pytest.raises(Conflict, match="have a reward"):
            await evaluations.rerun(view.job.id)
    assert (second.totals.scored, second.totals.failed) == (2, 0)
    assert await store.rollout(view.job.id, "good.oracle.0") == good


async def test_plans_of_removed_jobs_are_forgotten(
    opening: Open, store: Store, upload: Upload, tmp_path: Path
) -> None:
    plans = tmp_path / "evaluations"
    await upload("slow", task("long", "wait"))
    async with opening() as evaluations:
        running = await evaluations.start(request("slow"))
        ended = await evaluations.start(request("letters", "nop"))
        await until(store, ended.job.id)
    async with opening() as evaluations:
        assert await evaluations.resume() == [running.job.id]
        evaluations.forget_before(datetime.now(UTC) + timedelta(seconds=1))
    assert [path.stem for path in plans.glob("*.json")] == [running.job.id]

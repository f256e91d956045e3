"""Rollouts: listed, filtered, and one at a time."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from controller.api.services import Limit, Name, Offset, Pairs, PlatformDep, Sort, Text, pairs, resource
from hud.errors import Boundary
from hud.wire import RolloutRecord, RolloutStatus, Transcript
from hud.wire.platform import Neighbours, Page

router = resource("rollouts")
Reward = Annotated[float | None, Query(allow_inf_nan=False)]


@router.get("/rollouts")
async def list_rollouts(  # noqa: PLR0913 - a filter each
    platform: PlatformDep,
    job: Text = None,
    task: Text = None,
    taskset: Text = None,
    status: RolloutStatus | None = None,
    variant: Text = None,
    boundary: Boundary | None = None,
    min_reward: Reward = None,
    max_reward: Reward = None,
    column: Pairs = [],  # noqa: B006 - FastAPI copies it
    sort: Sort = "-started_at",
    offset: Offset = 0,
    limit: Limit = 50,
) -> Page[RolloutRecord]:
    """Rollouts that fit every filter; `column` is `NAME=VALUE`, and may be given several times."""
    return await platform.store.rollouts(
        job=job,
        task=task,
        taskset=taskset,
        status=status,
        variant=variant,
        boundary=boundary,
        min_reward=min_reward,
        max_reward=max_reward,
        columns=pairs(column) or None,
        sort=sort,
        offset=offset,
        limit=limit,
    )


@router.get("/jobs/{job}/rollouts/{rollout:path}/transcript")
async def get_transcript(platform: PlatformDep, job: Name, rollout: Name) -> Transcript:
    """What happened in a rollout."""
    return await platform.store.transcript(job, rollout)


@router.get("/jobs/{job}/rollouts/{rollout:path}/neighbours")
async def get_neighbours(platform: PlatformDep, job: Name, rollout: Name) -> Neighbours:
    """The rollouts before and after one."""
    previous, following = await platform.store.neighbours(job, rollout)
    return Neighbours(previous=previous, next=following)


@router.get("/jobs/{job}/rollouts/{rollout:path}")
async def get_rollout(platform: PlatformDep, job: Name, rollout: Name) -> RolloutRecord:
    """How one rollout ended."""
    return await platform.store.rollout(job, rollout)

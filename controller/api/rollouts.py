"""Rollouts: listed, filtered, and one at a time."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from controller.api.services import (
    Column,
    Limit,
    Name,
    Offset,
    PlatformDep,
    Sort,
    Text,
    pairs,
    resource,
)
from hud.errors import Boundary
from hud.wire import RolloutRecord, RolloutStatus, Transcript
from hud.wire.platform import Neighbours, Page

router = resource("rollouts")


class Filters(BaseModel):
    """What a list of rollouts is narrowed down to."""

    job: Text = None
    task: Text = None
    taskset: Text = None
    status: RolloutStatus | None = None
    variant: Text = None
    boundary: Boundary | None = None
    min_reward: float | None = Field(None, allow_inf_nan=False)
    max_reward: float | None = Field(None, allow_inf_nan=False)
    column: list[Column] = Field(default_factory=list, max_length=20)
    """`NAME=VALUE`."""
    sort: Sort = "-started_at"
    offset: Offset = 0
    limit: Limit = 50


@router.get("/rollouts")
async def list_rollouts(
    platform: PlatformDep, filters: Annotated[Filters, Query()]
) -> Page[RolloutRecord]:
    """Rollouts that fit every filter; `column` is `NAME=VALUE`, and may be given several times A
    number may be a range: `NAME=2..5`, `NAME=2..`, `NAME=..5`.
    """
    columns = pairs(filters.column) or None
    return await platform.store.rollouts(**filters.model_dump(exclude={"column"}), columns=columns)


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

"""Jobs: evaluations that run here, and those that were run elsewhere and are recorded here."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from controller.api.exports import Format, export_job
from controller.api.services import (
    Column,
    Limit,
    Name,
    Offset,
    PlatformDep,
    Text,
    pairs,
    resource,
)
from hud.errors import UserError
from hud.wire import (
    CancelledJobs,
    Change,
    ComparedTask,
    Comparison,
    JobEnding,
    JobRecord,
    JobRequest,
    JobResults,
    JobStatus,
    JobTask,
    JobView,
    TaskChoice,
    TaskOrder,
    Transcript,
)
from hud.wire.platform import Page

router = resource("jobs")
Batch = Annotated[list[Transcript], Body(max_length=100)]
Jobs = Annotated[list[str], Field(min_length=1, max_length=20)]


class TaskFilters(BaseModel):
    """What a job's tasks are narrowed down to."""

    search: Text = None
    which: TaskChoice | None = None
    column: list[Column] = Field(default_factory=list, max_length=20)
    """`NAME=VALUE`."""
    sort: TaskOrder = "position"
    runs: Annotated[int, Field(ge=0, le=1000)] = 15
    """Of how many runs of each task the rewards are told, the first ones."""
    offset: Offset = 0
    limit: Limit = 50


class ComparedFilters(BaseModel):
    """Which jobs are compared, and what their tasks are narrowed down to."""

    job: Jobs
    change: Change | None = None
    search: Text = None
    column: list[Column] = Field(default_factory=list, max_length=20)
    """`NAME=VALUE`."""
    offset: Offset = 0
    limit: Limit = 50


@router.post("/jobs", status_code=202)
async def start_job(platform: PlatformDep, request: JobRequest) -> JobView:
    """Run an evaluation here, in the background."""
    return await platform.evaluations.start(request)


@router.post("/jobs/cancel")
async def cancel_all_jobs(platform: PlatformDep) -> CancelledJobs:
    """End every job that runs here."""
    return CancelledJobs(jobs=await platform.evaluations.cancel_all())


@router.get("/jobs")
async def list_jobs(
    platform: PlatformDep,
    taskset: Text = None,
    status: JobStatus | None = None,
    search: Text = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Page[JobView]:
    """Jobs, the newest first; their records leave the slugs of their tasks out."""
    return await platform.store.jobs(
        taskset=taskset, status=status, search=search, offset=offset, limit=limit
    )


@router.get("/jobs/{job}")
async def get_job(platform: PlatformDep, job: Name) -> JobView:
    """One job with its numbers."""
    return await platform.store.job(job)


@router.put("/jobs/{job}")
async def record_job(
    platform: PlatformDep, job: Name, record: JobRecord, taskset: Text = None
) -> JobView:
    """Record a job that runs elsewhere."""
    if record.id != job:
        raise UserError(f"the address names job `{job}`, the record `{record.id}`")
    await platform.store.add_job(record, taskset=taskset)
    return await platform.store.job(job)


@router.post("/jobs/{job}/rollouts", status_code=204)
async def record_rollouts(platform: PlatformDep, job: Name, transcripts: Batch) -> None:
    """Record rollouts of a job that runs elsewhere; one that is known already is left as it is."""
    await platform.store.job(job)
    for transcript in transcripts:
        if transcript.rollout.job_id != job:
            raise UserError(f"rollout `{transcript.rollout.id}` belongs to another job")
    covered = [platform.secrets.covered(transcript) for transcript in transcripts]
    await platform.store.add_rollouts(covered)


@router.post("/jobs/{job}/finish")
async def finish_job(platform: PlatformDep, job: Name, ending: JobEnding) -> JobView:
    """Record how a job that ran elsewhere ended."""
    await platform.store.finish_job(job, ending.status, ending.seconds)
    return await platform.store.job(job)


@router.get("/jobs/{job}/results")
async def get_results(platform: PlatformDep, job: Name) -> JobResults:
    """A job's results by variant, and its failures by reason."""
    return await platform.store.results(job)


@router.get("/jobs/{job}/tasks")
async def list_job_tasks(
    platform: PlatformDep, job: Name, filters: Annotated[TaskFilters, Query()]
) -> Page[JobTask]:
    """A job's tasks that fit every filter, with their rewards."""
    given = filters.model_dump(exclude={"column"})
    return await platform.store.job_tasks(job, **given, columns=pairs(filters.column) or None)


@router.get("/jobs/{job}/export", response_class=StreamingResponse)
async def export_results(
    platform: PlatformDep, job: Name, format: Format = "csv"
) -> StreamingResponse:
    """A job's rollouts as JSON lines, or its tasks with their rewards as CSV."""
    await platform.store.job(job)
    return await export_job(platform.store, job, format)


@router.post("/jobs/{job}/cancel")
async def cancel_job(platform: PlatformDep, job: Name) -> JobView:
    """End a job that runs here; what it finished stays."""
    return await platform.evaluations.cancel(job)


@router.post("/jobs/{job}/rollouts/{rollout:path}/cancel")
async def cancel_rollout(platform: PlatformDep, job: Name, rollout: Name) -> JobView:
    """End one rollout of a job that runs here."""
    await platform.evaluations.cancel_rollout(job, rollout)
    return await platform.store.job(job)


@router.post("/jobs/{job}/rerun", status_code=202)
async def rerun_job(platform: PlatformDep, job: Name) -> JobView:
    """Run the failed and missing rollouts of a job again."""
    return await platform.evaluations.rerun(job)


@router.get("/comparison")
async def compare_jobs(platform: PlatformDep, job: Annotated[Jobs, Query()]) -> Comparison:
    """Jobs side by side: their variants ranked, and tested against the first."""
    return await platform.store.compare(job)


@router.get("/comparison/tasks")
async def list_compared_tasks(
    platform: PlatformDep, filters: Annotated[ComparedFilters, Query()]
) -> Page[ComparedTask]:
    """The tasks of compared jobs aligned by slug, the largest change first."""
    given = filters.model_dump(exclude={"column", "job"})
    columns = pairs(filters.column) or None
    return await platform.store.compared_tasks(filters.job, **given, columns=columns)

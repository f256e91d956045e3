"""Tasksets and their tasks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Body, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from controller.api import services
from controller.api.exports import export_taskset
from controller.api.services import Limit, Name, Offset, PlatformDep, Sort, Text, pairs, resource
from hud.tasksets import NO_ROOM, from_csv
from hud.wire.platform import Page
from hud.wire.tasksets import Column, SyncPlan, TaskRecord, TasksetRecord, TaskUpload

router = resource("tasksets")
Edit = Annotated[dict[str, Any], Body(max_length=20)]
CSV = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


class Filters(BaseModel):
    """What a list of tasks is narrowed down to."""

    search: Text = None
    scenario: Text = None
    column: list[services.Column] = Field(default_factory=list, max_length=20)
    """`NAME=VALUE`."""
    sort: Sort = "slug"
    offset: Offset = 0
    limit: Limit = 50


@router.get("/tasksets")
async def list_tasksets(platform: PlatformDep) -> list[TasksetRecord]:
    """Every taskset."""
    return await platform.store.tasksets()


@router.get("/tasksets/{name}")
async def get_taskset(platform: PlatformDep, name: Name) -> TasksetRecord:
    """One taskset."""
    return await platform.store.taskset(name)


@router.delete("/tasksets/{name}", status_code=204)
async def remove_taskset(platform: PlatformDep, name: Name) -> None:
    """Remove a taskset with its tasks; jobs that ran it stay."""
    await platform.store.remove_taskset(name)


@router.put("/tasksets/{name}/columns")
async def set_columns(
    platform: PlatformDep, name: Name, columns: dict[str, Column]
) -> TasksetRecord:
    """Define a taskset's columns."""
    await platform.store.set_columns(name, columns)
    return await platform.store.taskset(name)


@router.get("/tasksets/{name}/tasks")
async def list_tasks(
    platform: PlatformDep, name: Name, filters: Annotated[Filters, Query()]
) -> Page[TaskRecord]:
    """Tasks that fit every filter; `column` is `NAME=VALUE`, and may be given several times A
    number may be a range: `NAME=2..5`, `NAME=2..`, `NAME=..5`.
    """
    columns = pairs(filters.column) or None
    return await platform.store.tasks(
        name, **filters.model_dump(exclude={"column"}), columns=columns
    )


@router.get("/tasksets/{name}/tasks/{slug}")
async def get_task(
    platform: PlatformDep,
    name: Name,
    slug: Name,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> TaskRecord:
    """One task, in its newest version or in an older one."""
    return await platform.store.task(name, slug, version)


@router.patch("/tasksets/{name}/tasks/{slug}")
async def edit_task(platform: PlatformDep, name: Name, slug: Name, changes: Edit) -> TaskRecord:
    """Change fields of a task, which makes a new version."""
    return await platform.store.edit_task(name, slug, changes)


@router.delete("/tasksets/{name}/tasks/{slug}", status_code=204)
async def remove_task(platform: PlatformDep, name: Name, slug: Name) -> None:
    """Remove a task with its versions."""
    await platform.store.remove_task(name, slug)


@router.get("/tasksets/{name}/tasks/{slug}/versions")
async def list_task_versions(platform: PlatformDep, name: Name, slug: Name) -> list[TaskRecord]:
    """A task's versions, the newest first."""
    return await platform.store.task_versions(name, slug)


@router.post("/tasksets/{name}/upload")
async def upload_tasks(platform: PlatformDep, name: Name, upload: TaskUpload) -> SyncPlan:
    """Match tasks by slug with the taskset's; create and update, or only plan. Removes nothing."""
    return await platform.store.upload(name, upload)


@router.post("/tasksets/{name}/import", openapi_extra=CSV)
async def import_tasks(
    platform: PlatformDep, name: Name, request: Request, dry_run: bool = False
) -> SyncPlan:
    """The same with a CSV file: `slug, scenario, env, arg:*, col:*`.

    What it has no room for stays as it is.
    """
    tasks = from_csv((await request.body()).decode("utf-8-sig", errors="replace"))
    upload = TaskUpload(tasks=tasks, dry_run=dry_run, keep=list(NO_ROOM))
    return await platform.store.upload(name, upload)


@router.get("/tasksets/{name}/export", response_class=StreamingResponse)
async def export_tasks(
    platform: PlatformDep, name: Name, format: Literal["json", "csv"] = "json"
) -> StreamingResponse:
    """All tasks as JSON, or as CSV that `import` reads back."""
    return await export_taskset(platform.store, name, format)

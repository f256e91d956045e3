"""Downloads: tasks and results as files, a piece at a time."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Literal

from fastapi.responses import StreamingResponse

from controller.store import Store
from hud.tasksets.table import to_csv
from hud.wire import RolloutRecord

Format = Literal["csv", "jsonl"]
PAGE = 500
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
}


async def export_taskset(
    store: Store, name: str, format: Literal["json", "csv"]
) -> StreamingResponse:
    """A taskset's tasks."""
    tasks = await store.export(name)
    pieces = iter([to_csv(tasks)]) if format == "csv" else _json_array(tasks)
    return _download(pieces, name, format)


async def export_job(store: Store, job: str, format: Format) -> StreamingResponse:
    """A job's rollouts, or its tasks with their rewards."""
    if format == "jsonl":
        return _download(_lines(store, job), job, format)
    tasks, rewards = await _tasks_with_rewards(store, job)
    return _download(iter([to_csv(tasks, rewards)]), job, format)


def _download(
    pieces: Iterator[str] | AsyncIterator[str], name: str, format: str
) -> StreamingResponse:
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    headers = {"content-disposition": f'attachment; filename="{plain}.{format}"'}
    return StreamingResponse(pieces, headers=headers, media_type=MEDIA_TYPES[format])


def _json_array(items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for position, item in enumerate(items):
        yield ("[" if position == 0 else ",\n") + json.dumps(item, ensure_ascii=False)
    yield "]\n" if items else "[]\n"


async def _rollouts(store: Store, job: str) -> AsyncIterator[RolloutRecord]:
    offset = 0
    while True:
        page = await store.rollouts(job=job, sort="task", offset=offset, limit=PAGE)
        for item in page.items:
            yield item
        offset += len(page.items)
        if not page.items or offset >= page.total:
            return


async def _lines(store: Store, job: str) -> AsyncIterator[str]:
    async for record in _rollouts(store, job):
        yield record.model_dump_json(exclude_none=True) + "\n"


async def _tasks_with_rewards(
    store: Store, job: str
) -> tuple[list[dict[str, Any]], dict[str, dict[str, float | None]]]:
    """The job's tasks in their JSON format, and the rewards of each by slug."""
    tasks: dict[str, dict[str, Any]] = {}
    async for record in _rollouts(store, job):
        env, _, scenario = (record.scenario or "").rpartition(":")
        tasks.setdefault(
            record.task,
            {
                "slug": record.task,
                "scenario": scenario,
                "env": {"name": env} if env else None,
                "args": record.args or {},
                "columns": record.columns,
            },
        )
    results = await store.results(job)
    rewards: dict[str, dict[str, float | None]] = {}
    for result in results.tasks:
        named = {f"{result.variant}.{index}": it for index, it in enumerate(result.rewards)}
        rewards.setdefault(result.task, {}).update(named)
    return list(tasks.values()), rewards

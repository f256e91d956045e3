"""Downloads: tasks and results as files, a piece at a time."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Literal

from fastapi.responses import StreamingResponse

from controller.store import Store
from hud.tasksets.table import Table, to_csv

Format = Literal["csv", "jsonl"]
PAGE = 200
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
    pieces = _lines(store, job) if format == "jsonl" else _table(store, job)
    return _download(pieces, job, format)


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


async def _lines(store: Store, job: str) -> AsyncIterator[str]:
    page, place = await store.rollouts_after(job, None, PAGE)
    while page:
        yield "".join(record.model_dump_json(exclude_none=True) + "\n" for record in page)
        page, place = await store.rollouts_after(job, place, PAGE)


async def _table(store: Store, job: str) -> AsyncIterator[str]:
    """Read twice: headers are what all tasks have, and no line waits for the last of them."""
    args: set[str] = set()
    columns: set[str] = set()
    async for tasks in _tasks(store, job):
        args.update(name for task in tasks for name in task["args"])
        columns.update(name for task in tasks for name in task["columns"])
    table = Table(sorted(args), sorted(columns), await store.run_names(job))
    yield table.head()
    async for tasks in _tasks(store, job):
        rewards = await store.rewards_of(job, [task["slug"] for task in tasks])
        yield "".join(table.row(task, rewards.get(task["slug"])) for task in tasks)


async def _tasks(store: Store, job: str) -> AsyncIterator[list[dict[str, Any]]]:
    last = ""
    while page := await store.tasks_after(job, last, PAGE):
        last = page[-1]["slug"]
        yield page

"""Tasksets: tasks with their versions, the schema of columns, and what rollouts say about each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from controller.errors import NotFound
from controller.store import columnsets, events
from controller.store.jobs import check_key
from controller.store.listing import containing, counting, directed, ordering, paged
from controller.store.standing import UNSCORED, Standing, standing_of, standings
from controller.store.tables import task_versions, tasks, tasksets
from controller.store.values import dump_json
from controller.store.writing import add_row
from hud.errors import UserError, did_you_mean
from hud.tasksets import check_tasks, infer_columns, keeping, merge_columns, plan
from hud.tasksets.plan import check_task, env_name
from hud.wire.platform import Page
from hud.wire.tasksets import Column, PlannedTask, SyncPlan, TaskRecord, TasksetRecord, TaskUpload

EDITABLE = {"scenario", "env", "args", "columns", "validation", "agent_config", "metadata"}
SORTS: dict[str, ColumnElement[Any]] = {
    name: tasks.c[name] for name in ("slug", "scenario", "env", "updated_at", "version")
} | {"position": tasks.c.pk}


class TaskFilters(TypedDict, total=False):
    """Which tasks to list, in which order."""

    search: str | None
    """Part of a slug."""
    scenario: str | None
    columns: dict[str, str] | None
    """Values by column; of a multi-select, a member."""
    sort: str
    """`slug`, `scenario`, `position`, `runs`, `mean`, `column:NAME` …; `-` in front reverses."""
    offset: int
    limit: int


def all_tasksets(connection: Connection) -> list[TasksetRecord]:
    """All tasksets, by name."""
    counts = select(tasks.c.taskset_pk, func.count().label("tasks")).group_by(tasks.c.taskset_pk)
    counted = counts.subquery()
    query = (
        select(tasksets, func.coalesce(counted.c.tasks, 0).label("tasks"))
        .outerjoin(counted, counted.c.taskset_pk == tasksets.c.pk)
        .order_by(tasksets.c.name)
    )
    return [_taskset(row, row.tasks) for row in connection.execute(query)]


def taskset(connection: Connection, name: str) -> TasksetRecord:
    """One taskset.

    Raises:
        NotFound: there is none of that name; the hint has near ones.
    """
    row = _row(connection, name)
    return _taskset(row, connection.scalar(counting(tasks, [tasks.c.taskset_pk == row.pk])) or 0)


def _row(connection: Connection, name: str) -> Row[Any]:
    row = connection.execute(select(tasksets).where(tasksets.c.name == name)).one_or_none()
    if row is None:
        known = connection.scalars(select(tasksets.c.name)).all()
        raise NotFound(f"there is no taskset `{name}`", hint=did_you_mean(name, known))
    return row


def _taskset(row: Row[Any], count: int) -> TasksetRecord:
    return TasksetRecord(
        name=row.name,
        columns=_schema(row),
        tasks=count,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _schema(row: Row[Any]) -> dict[str, Column]:
    return {name: Column.model_validate(data) for name, data in json.loads(row.columns).items()}


def upload(connection: Connection, name: str, given: TaskUpload) -> SyncPlan:
    """Match tasks by slug, make what is new and a version of what changed; nothing is removed.

    Raises:
        UserError: a task cannot be used, or the name is empty or too long.
    """
    check_key("taskset", name)
    checked = check_tasks(given.tasks)
    row = connection.execute(select(tasksets).where(tasksets.c.name == name)).one_or_none()
    there = _contents(connection, row.pk) if row else {}
    local = keeping(checked, there, given.keep)
    planned = plan(local, there.values())
    schema = merge_columns(_schema(row) if row else {}, infer_columns(local))
    if not given.dry_run:
        _apply(connection, name, local, _changed(planned, force=given.force), schema)
    return SyncPlan(
        taskset=name,
        exists=row is not None,
        tasks=planned,
        columns=schema,
        applied=not given.dry_run,
    )


def _changed(planned: Iterable[PlannedTask], *, force: bool) -> set[str]:
    changes = {"create", "update", "unchanged"} if force else {"create", "update"}
    return {task.slug for task in planned if task.change in changes}


def _apply(
    connection: Connection,
    name: str,
    local: list[dict[str, Any]],
    changed: set[str],
    schema: Mapping[str, Column],
) -> None:
    key = _put_taskset(connection, name, schema)
    rows = connection.execute(select(tasks).where(tasks.c.taskset_pk == key))
    known = {row.slug: row for row in rows}
    _put_tasks(connection, key, [task for task in local if task["slug"] in changed], known)
    events.append(connection, "taskset", name, {"change": "upload", "tasks": len(changed)})


def _put_taskset(connection: Connection, name: str, schema: Mapping[str, Column]) -> int:
    now = datetime.now(UTC)
    columns = json.dumps({name: column.model_dump() for name, column in schema.items()})
    fields = {"columns": columns, "updated_at": now}
    key = connection.scalar(select(tasksets.c.pk).where(tasksets.c.name == name))
    if key is not None:
        connection.execute(update(tasksets).where(tasksets.c.pk == key).values(fields))
        return int(key)
    return add_row(connection, tasksets, {"name": name, "created_at": now, **fields})


def _put_tasks(
    connection: Connection,
    taskset_pk: int,
    changed: list[dict[str, Any]],
    known: Mapping[str, Row[Any]],
) -> None:
    """Make the first version of each task, or the next of those that are known."""
    sets = columnsets.sets_for(connection, [task.get("columns") or {} for task in changed])
    fields = [
        _fields(task, known[task["slug"]].version + 1 if task["slug"] in known else 1, set_pk)
        for task, set_pk in zip(changed, sets, strict=True)
    ]
    new = [{"taskset_pk": taskset_pk, **row} for row in fields if row["slug"] not in known]
    old = [{"key": known[row["slug"]].pk, **row} for row in fields if row["slug"] in known]
    if new:
        connection.execute(insert(tasks), new)
    if old:
        connection.execute(update(tasks).where(tasks.c.pk == bindparam("key")), old)
    if fields:
        keys = select(tasks.c.slug, tasks.c.pk).where(tasks.c.taskset_pk == taskset_pk)
        numbers = {row.slug: row.pk for row in connection.execute(keys)}
        kept = [_version(numbers[row["slug"]], row) for row in fields]
        connection.execute(insert(task_versions), kept)


def _fields(task: dict[str, Any], version: int, set_pk: int | None) -> dict[str, Any]:
    return {
        "slug": task["slug"],
        "version": version,
        "scenario": task["scenario"],
        "env": env_name(task),
        "set_pk": set_pk,
        "updated_at": datetime.now(UTC),
        "content": dump_json(task),
    }


def _version(task_pk: int, row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in ("version", "content")}
    return {"task_pk": task_pk, "created_at": row["updated_at"], **kept}


def _contents(connection: Connection, taskset_pk: int) -> dict[str, dict[str, Any]]:
    query = select(tasks.c.slug, tasks.c.content).where(tasks.c.taskset_pk == taskset_pk)
    return {
        row.slug: json.loads(row.content) for row in connection.execute(query.order_by(tasks.c.pk))
    }


def export(connection: Connection, name: str) -> list[dict[str, Any]]:
    """A taskset's tasks in their JSON format, in the order in which they were added.

    Raises:
        NotFound: there is none of that name.
    """
    return list(_contents(connection, _row(connection, name).pk).values())


def page(connection: Connection, name: str, **filters: Unpack[TaskFilters]) -> Page[TaskRecord]:
    """A taskset's tasks with what its jobs' rollouts say about them.

    Raises:
        NotFound: there is none of that name.
        UserError: there is no such thing to sort by.
    """
    conditions = _conditions(_row(connection, name).pk, filters)
    offset = filters.get("offset", 0)
    query = _sorted(select(tasks).where(*conditions), name, filters.get("sort") or "position")
    rows = connection.execute(paged(query, offset, filters.get("limit", 100))).all()
    results = standing_of(connection, name, [row.slug for row in rows])
    items = [_task(row, results.get(row.slug, UNSCORED)) for row in rows]
    total = connection.scalar(counting(tasks, conditions)) or 0
    return Page[TaskRecord](items=items, total=total, offset=offset)


def _conditions(taskset_pk: int, filters: TaskFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [tasks.c.taskset_pk == taskset_pk]
    if search := filters.get("search"):
        conditions.append(containing(tasks.c.slug, search))
    if (scenario := filters.get("scenario")) is not None:
        conditions.append(tasks.c.scenario == scenario)
    return conditions + columnsets.having(tasks.c.set_pk, filters.get("columns") or {})


def _sorted(query: Any, taskset_name: str, sort: str) -> Any:
    name = sort.removeprefix("-")
    if name.startswith("column:"):
        values = columnsets.sorting(name.removeprefix("column:")).subquery()
        joined = query.outerjoin(values, values.c.set_pk == tasks.c.set_pk)
        return joined.order_by(*directed(sort, [values.c.number, values.c.value], [tasks.c.pk]))
    if name in {"runs", "mean"}:
        results = standings(taskset_name).subquery()
        joined = query.outerjoin(results, results.c.task == tasks.c.slug)
        return joined.order_by(*directed(sort, [results.c[name]], [tasks.c.pk]))
    return query.order_by(*ordering(sort, SORTS, [tasks.c.pk]))


def _task(row: Row[Any], standing: Standing = UNSCORED) -> TaskRecord:
    content = json.loads(row.content)
    return TaskRecord(
        **{**content, "slug": row.slug, "env": env_name(content)},
        version=row.version,
        updated_at=row.updated_at,
        runs=standing.runs,
        mean=standing.mean,
        histogram=list(standing.histogram),
    )


def task(connection: Connection, name: str, slug: str, version: int | None = None) -> TaskRecord:
    """One task, in its newest version or an older one.

    Raises:
        NotFound: there is no such taskset, task or version.
    """
    if version is None:
        row = _task_row(connection, name, slug)
        return _task(row, standing_of(connection, name, [slug]).get(slug, UNSCORED))
    for record in task_history(connection, name, slug):
        if record.version == version:
            return record
    raise NotFound(f"task `{slug}` of `{name}` has no version {version}")


def task_history(connection: Connection, name: str, slug: str) -> list[TaskRecord]:
    """A task's versions, newest first.

    Raises:
        NotFound: there is no such taskset or task.
    """
    key = _task_row(connection, name, slug).pk
    made = task_versions.c
    query = select(made.content, made.version, made.created_at.label("updated_at"))
    query = query.where(made.task_pk == key).order_by(made.version.desc())
    rows = connection.execute(query.add_columns(_as_slug(slug)))
    return [_task(row) for row in rows]


def _as_slug(slug: str) -> Any:
    return select(tasks.c.slug).where(tasks.c.slug == slug).limit(1).scalar_subquery().label("slug")


def _task_row(connection: Connection, name: str, slug: str) -> Row[Any]:
    key = _row(connection, name).pk
    query = select(tasks).where(tasks.c.taskset_pk == key)
    row = connection.execute(query.where(tasks.c.slug == slug)).one_or_none()
    if row is None:
        known = connection.scalars(select(tasks.c.slug).where(tasks.c.taskset_pk == key)).all()
        raise NotFound(f"taskset `{name}` has no task `{slug}`", hint=did_you_mean(slug, known))
    return row


def edit_task(connection: Connection, name: str, slug: str, changes: dict[str, Any]) -> TaskRecord:
    """Make a new version of a task with these fields; None clears one. Nothing new, no version.

    Raises:
        NotFound: there is no such taskset or task.
        UserError: a field is unknown or malformed.
    """
    row = _task_row(connection, name, slug)
    unknown = sorted(changes.keys() - EDITABLE)
    if unknown:
        raise UserError(
            f"a task's `{unknown[0]}` cannot be edited", hint=did_you_mean(unknown[0], EDITABLE)
        )
    before = json.loads(row.content)
    after = check_task({**before, **changes}, 1)
    if dump_json(after) != row.content:
        schema = _schema(_row(connection, name))
        schema = merge_columns(schema, infer_columns([after]))
        _put_tasks(connection, _put_taskset(connection, name, schema), [after], {slug: row})
        events.append(connection, "taskset", name, {"change": "edit", "task": slug})
    return task(connection, name, slug)


def remove_task(connection: Connection, name: str, slug: str) -> None:
    """Remove a task with its versions; rollouts of it stay.

    Raises:
        NotFound: there is no such taskset or task.
    """
    row = _task_row(connection, name, slug)
    connection.execute(delete(tasks).where(tasks.c.pk == row.pk))
    events.append(connection, "taskset", name, {"change": "remove", "task": slug})


def remove_taskset(connection: Connection, name: str) -> None:
    """Remove a taskset with its tasks; its jobs stay.

    Raises:
        NotFound: there is none of that name.
    """
    row = _row(connection, name)
    connection.execute(delete(tasksets).where(tasksets.c.pk == row.pk))
    events.append(connection, "taskset", name, {"change": "removed"})


def set_columns(connection: Connection, name: str, columns: Mapping[str, Column]) -> TasksetRecord:
    """Replace the schema of a taskset's columns; the tasks' values stay.

    Raises:
        NotFound: there is none of that name.
    """
    _row(connection, name)
    _put_taskset(connection, name, columns)
    events.append(connection, "taskset", name, {"change": "columns"})
    return taskset(connection, name)

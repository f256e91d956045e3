"""Environments, their registered versions, builds and debug runs."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select

from controller.errors import NotFound
from controller.store.jobs import check_key
from controller.store.listing import counting, paged
from controller.store.tables import builds, debug_runs, environment_versions, environments
from controller.store.values import dump
from controller.store.writing import put_row
from hud.errors import did_you_mean
from hud.wire.platform import (
    BuildRecord,
    DebugRecord,
    EnvironmentRecord,
    EnvironmentVersion,
    Page,
    WorkStatus,
)

RecordT = TypeVar("RecordT", bound=BaseModel)


def put_environment(connection: Connection, record: EnvironmentRecord) -> None:
    """Write an environment, over what is there of that name."""
    check_key("environment", record.name)
    put_row(connection, environments, {"name": record.name}, {"record": dump(record)})


def all_environments(connection: Connection) -> list[EnvironmentRecord]:
    """All environments, by name."""
    rows = connection.scalars(select(environments.c.record).order_by(environments.c.name))
    return [EnvironmentRecord.model_validate_json(record) for record in rows]


def environment(connection: Connection, name: str) -> EnvironmentRecord:
    """One environment.

    Raises:
        NotFound: there is none of that name; the hint has near ones.
    """
    query = select(environments.c.record).where(environments.c.name == name)
    record = connection.scalar(query)
    if record is None:
        known = connection.scalars(select(environments.c.name)).all()
        raise NotFound(f"there is no environment `{name}`", hint=did_you_mean(name, known))
    return EnvironmentRecord.model_validate_json(record)


def remove_environment(connection: Connection, name: str) -> None:
    """Remove an environment and its versions.

    Raises:
        NotFound: there is none of that name.
    """
    environment(connection, name)
    connection.execute(delete(environments).where(environments.c.name == name))
    versions_of = environment_versions.c.environment == name
    connection.execute(delete(environment_versions).where(versions_of))


def add_version(connection: Connection, version: EnvironmentVersion) -> int:
    """Register a version under the next number, which is returned; the record's own is ignored.

    Made from the same source and image as the newest one, it is that one.
    """
    check_key("environment", version.environment)
    newest = next(iter(versions(connection, version.environment)), None)
    if newest and (newest.source, newest.image) == (version.source, version.image):
        return newest.number
    number = newest.number + 1 if newest else 1
    record = dump(version.model_copy(update={"number": number}))
    key = {"environment": version.environment, "number": number}
    connection.execute(insert(environment_versions).values(**key, record=record))
    return number


def versions(connection: Connection, name: str) -> list[EnvironmentVersion]:
    """An environment's versions, newest first."""
    table = environment_versions.c
    query = select(table.record).where(table.environment == name).order_by(table.number.desc())
    return [EnvironmentVersion.model_validate_json(text) for text in connection.scalars(query)]


def put_build(connection: Connection, record: BuildRecord) -> None:
    """Write a build, over what is there of that id."""
    _put_work(connection, builds, record, record.environment)


def build(connection: Connection, build_id: str) -> BuildRecord:
    """One build.

    Raises:
        NotFound: there is none of that id.
    """
    return _work(connection, builds, BuildRecord, build_id)


def build_page(
    connection: Connection,
    *,
    environment: str | None = None,
    status: WorkStatus | None = None,
    offset: int = 0,
    limit: int = 100,
) -> Page[BuildRecord]:
    """Builds, newest first."""
    conditions = _about(builds, environment, status)
    items, total = _newest(connection, BuildRecord, builds, conditions, (offset, limit))
    return Page[BuildRecord](items=items, total=total, offset=offset)


def put_debug(connection: Connection, record: DebugRecord) -> None:
    """Write a debug run, over what is there of that id."""
    _put_work(connection, debug_runs, record, record.target)


def debug(connection: Connection, debug_id: str) -> DebugRecord:
    """One debug run.

    Raises:
        NotFound: there is none of that id.
    """
    return _work(connection, debug_runs, DebugRecord, debug_id)


def debug_page(
    connection: Connection,
    *,
    target: str | None = None,
    status: WorkStatus | None = None,
    offset: int = 0,
    limit: int = 100,
) -> Page[DebugRecord]:
    """Debug runs, newest first."""
    conditions = _about(debug_runs, target, status)
    items, total = _newest(connection, DebugRecord, debug_runs, conditions, (offset, limit))
    return Page[DebugRecord](items=items, total=total, offset=offset)


def _put_work(
    connection: Connection, table: Table, record: BuildRecord | DebugRecord, subject: str
) -> None:
    check_key("build" if table is builds else "debug run", record.id)
    check_key("environment", subject)
    fields = {"subject": subject, "status": record.status, "started_at": record.started_at}
    put_row(connection, table, {"id": record.id}, {**fields, "record": dump(record)})


def _work(connection: Connection, table: Table, kind: type[RecordT], key: str) -> RecordT:
    record = connection.scalar(select(table.c.record).where(table.c.id == key))
    if record is None:
        raise NotFound(f"there is no {'build' if table is builds else 'debug run'} `{key}`")
    return kind.model_validate_json(record)


def _about(
    table: Table, subject: str | None, status: WorkStatus | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if subject is not None:
        conditions.append(table.c.subject == subject)
    if status is not None:
        conditions.append(table.c.status == status)
    return conditions


def _newest(
    connection: Connection,
    kind: type[RecordT],
    table: Table,
    conditions: list[ColumnElement[bool]],
    piece: tuple[int, int],
) -> tuple[list[RecordT], int]:
    """Offset and limit of the newest that fit, and how many fit."""
    query = select(table.c.record).where(*conditions)
    query = query.order_by(table.c.started_at.desc(), table.c.id.desc())
    records = connection.scalars(paged(query, *piece))
    items = [kind.model_validate_json(record) for record in records]
    return items, connection.scalar(counting(table, conditions)) or 0

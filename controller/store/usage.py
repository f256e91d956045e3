"""How much the store holds."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, text

from controller.store.tables import jobs
from hud.wire.platform import Storage


def storage(connection: Connection, retention_days: int | None = None) -> Storage:
    """The database's kind, its bytes on disk, its jobs and rollouts."""
    kind = connection.dialect.name
    if kind == "sqlite":
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        size = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    else:
        size = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
    counted = select(func.count(), func.coalesce(func.sum(jobs.c.ended), 0)).select_from(jobs)
    count, ended = connection.execute(counted).one()
    return Storage(
        database=kind, bytes=size, jobs=count, rollouts=ended, retention_days=retention_days
    )

"""Custom columns, kept once for all tasks and rollouts that share their values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select

from controller.store.tables import column_cells, column_sets, rollouts, tasks
from controller.store.values import cells, clean, dump_json
from controller.store.writing import add_row
from hud.types import ColumnValue

CELL_LENGTH = 200
"""Characters of a value that filters look at; what is shown is in the record."""


def set_for(connection: Connection, columns: dict[str, ColumnValue]) -> int | None:
    """The key of the set with these columns, which is made where there is none."""
    values = cells(columns)
    if not values:
        return None
    digest = hashlib.sha256(dump_json(values).encode()).hexdigest()
    known = connection.scalar(select(column_sets.c.pk).where(column_sets.c.digest == digest))
    if known is not None:
        return int(known)
    key = add_row(connection, column_sets, {"digest": digest})
    rows = [
        {"set_pk": key, "name": name[:CELL_LENGTH], "value": text[:CELL_LENGTH], "number": number}
        for name, text, number in values
    ]
    connection.execute(insert(column_cells), rows)
    return key


def having(column: ColumnElement[Any], wanted: Mapping[str, str]) -> list[ColumnElement[bool]]:
    """Conditions that the set `column` refers to has each of these values."""
    cell = column_cells.c
    return [
        column.in_(
            select(cell.set_pk).where(
                cell.name == clean(name)[:CELL_LENGTH], cell.value == clean(value)[:CELL_LENGTH]
            )
        )
        for name, value in wanted.items()
    ]


def sorting(name: str) -> Select[Any]:
    """For each set with that column, the number and the text to sort by."""
    cell = column_cells.c
    return (
        select(
            cell.set_pk, func.min(cell.number).label("number"), func.min(cell.value).label("value")
        )
        .where(cell.name == clean(name)[:CELL_LENGTH])
        .group_by(cell.set_pk)
    )


def remove_unused(connection: Connection) -> None:
    """Forget the sets that neither a task nor a rollout refers to."""
    used = (
        select(rollouts.c.set_pk)
        .where(rollouts.c.set_pk.is_not(None))
        .union(select(tasks.c.set_pk).where(tasks.c.set_pk.is_not(None)))
    )
    connection.execute(delete(column_sets).where(column_sets.c.pk.not_in(used)))

"""Custom columns, kept once for all tasks and rollouts that share their values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, insert, or_, select

from controller.store.tables import column_cells, column_sets, rollouts, tasks
from controller.store.values import cells, clean, dump_json
from hud.types import ColumnValue

Cell = tuple[str, str, float | None]
CHUNK = 500
"""Sets that are looked up at a time."""
RANGE = re.compile(r"(-?\d{1,15}(?:\.\d{1,15})?)?\.\.(-?\d{1,15}(?:\.\d{1,15})?)?", re.ASCII)
CELL_LENGTH = 200
"""Characters of a value that filters look at; what is shown is in the record."""


def set_for(connection: Connection, columns: dict[str, ColumnValue]) -> int | None:
    """The key of the set with these columns, which is made where there is none; None for none."""
    return sets_for(connection, [columns])[0]


def sets_for(connection: Connection, many: list[dict[str, ColumnValue]]) -> list[int | None]:
    """The key of the set with each of these columns."""
    values = [cells(columns) for columns in many]
    digests = [_digest(cell) if cell else None for cell in values]
    needed = {digest: cell for digest, cell in zip(digests, values, strict=True) if digest}
    known = _keys(connection, list(needed))
    missing = [digest for digest in needed if digest not in known]
    if missing:
        connection.execute(insert(column_sets), [{"digest": digest} for digest in missing])
        known |= _keys(connection, missing)
        rows = [row for digest in missing for row in _rows(known[digest], needed[digest])]
        connection.execute(insert(column_cells), rows)
    return [known[digest] if digest else None for digest in digests]


def _digest(values: list[Cell]) -> str:
    return hashlib.sha256(dump_json(values).encode()).hexdigest()


def _keys(connection: Connection, digests: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for first in range(0, len(digests), CHUNK):
        part = column_sets.c.digest.in_(digests[first : first + CHUNK])
        rows = connection.execute(select(column_sets.c.digest, column_sets.c.pk).where(part))
        found |= {row.digest: row.pk for row in rows}
    return found


def _rows(key: int, values: list[Cell]) -> list[dict[str, Any]]:
    return [
        {"set_pk": key, "name": name[:CELL_LENGTH], "value": text[:CELL_LENGTH], "number": number}
        for name, text, number in values
    ]


def having(column: ColumnElement[Any], wanted: Mapping[str, str]) -> list[ColumnElement[bool]]:
    """Conditions that the set `column` refers to has each of these values; `2..5`, `2..` and `..5`
    also mean the numbers between.
    """
    cell = column_cells.c
    return [
        column.in_(
            select(cell.set_pk).where(cell.name == clean(name)[:CELL_LENGTH], _matching(value))
        )
        for name, value in wanted.items()
    ]


def _matching(value: str) -> ColumnElement[bool]:
    cell = column_cells.c
    is_same = cell.value == clean(value)[:CELL_LENGTH]
    ends = RANGE.fullmatch(value)
    if ends is None or not any(ends.groups()):
        return is_same
    low, high = (float(end) if end else None for end in ends.groups())
    limits = [] if low is None else [cell.number >= low]
    limits += [] if high is None else [cell.number <= high]
    return or_(is_same, and_(*limits))


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

"""Custom columns, kept once for all tasks and rollouts that share their values."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    union,
)

from controller.store.tables import column_cells, column_sets, job_tasks, rollouts, tasks
from controller.store.values import cells, clean, dump_json
from hud.tasksets import infer_columns
from hud.types import ColumnValue
from hud.wire.tasksets import Column

Cell = tuple[str, str, float | None]
Columns = dict[str, ColumnValue]
CHUNK = 500
"""Sets that are looked up at a time."""
RANGE = re.compile(r"(-?\d{1,15}(?:\.\d{1,15})?)?\.\.(-?\d{1,15}(?:\.\d{1,15})?)?", re.ASCII)
SAMPLE = 500
"""Sets from which is inferred what columns are."""
MAX_OPTIONS = 50
"""Values of a column that are suggested."""
CELL_LENGTH = 200
"""Characters of a value that filters look at; what is shown is in the record."""


def set_for(connection: Connection, columns: dict[str, ColumnValue]) -> int | None:
    """The key of the set with these columns, which is made where there is none; None for none."""
    return sets_for(connection, [columns])[0]


def sets_for(connection: Connection, many: list[dict[str, ColumnValue]]) -> list[int | None]:
    """The key of the set with each of these columns."""
    contents = [dump_json(columns) if cells(columns) else None for columns in many]
    digests = [_digest(content) if content else None for content in contents]
    needed = {digest: place for place, digest in enumerate(digests) if digest}
    known = _keys(connection, list(needed))
    missing = [digest for digest in needed if digest not in known]
    if missing:
        added = [{"digest": digest, "content": contents[needed[digest]]} for digest in missing]
        connection.execute(insert(column_sets), added)
        known |= _keys(connection, missing)
        rows = [row for key in missing for row in _rows(known[key], cells(many[needed[key]]))]
        connection.execute(insert(column_cells), rows)
    return [known[digest] if digest else None for digest in digests]


def contents_of(connection: Connection, keys: Iterable[int | None]) -> dict[int | None, Columns]:
    """The columns of each of these sets, as they were given; of None there are none."""
    wanted = sorted({key for key in keys if key is not None})
    found: dict[int | None, Columns] = {None: {}}
    for first in range(0, len(wanted), CHUNK):
        part = column_sets.c.pk.in_(wanted[first : first + CHUNK])
        rows = connection.execute(select(column_sets.c.pk, column_sets.c.content).where(part))
        found |= {row.pk: json.loads(row.content) for row in rows}
    return found


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


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


def schema_of(connection: Connection, job_pks: Sequence[int]) -> dict[str, Column]:
    """What the columns of jobs' tasks are, from `SAMPLE` sets; `options` are some of the values."""
    row = job_tasks.c
    used = select(row.set_pk).where(row.job_pk.in_(job_pks), row.set_pk.is_not(None)).distinct()
    known = contents_of(connection, connection.scalars(used.limit(SAMPLE)))
    schema = infer_columns([{"columns": columns} for columns in known.values()])
    options: dict[str, set[str]] = {}
    for columns in known.values():
        for name, text, _ in cells(columns):
            options.setdefault(name, set()).add(text)
    return {
        name: column
        if column.type == "number"
        else column.model_copy(update={"options": sorted(options.get(name, ()))[:MAX_OPTIONS]})
        for name, column in schema.items()
    }


def remove_unused(connection: Connection) -> None:
    """Forget the sets that no task, no rollout and no job refers to."""
    referring = (rollouts.c.set_pk, tasks.c.set_pk, job_tasks.c.set_pk)
    used = union(*(select(column).where(column.is_not(None)) for column in referring))
    connection.execute(delete(column_sets).where(column_sets.c.pk.not_in(used)))

"""Adding and replacing rows. A store has one writer at a time, so that looking first is safe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, insert, update


def add_row(connection: Connection, table: Table, fields: Mapping[str, Any]) -> int:
    """Add a row to a table with a numbered key; the number."""
    key = connection.execute(insert(table).values(fields)).inserted_primary_key
    if key is None:
        raise TypeError(f"table {table.name} has no numbered key")
    return int(key[0])


def put_row(
    connection: Connection, table: Table, key: Mapping[str, Any], fields: Mapping[str, Any]
) -> None:
    """Change the row with that key; add it where there is none."""
    matches = [table.c[name] == value for name, value in key.items()]
    if connection.execute(update(table).where(*matches).values(fields)).rowcount == 0:
        connection.execute(insert(table).values({**key, **fields}))

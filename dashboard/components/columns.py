"""Custom columns of tasks: how tables show them, and filters that fit their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from dashboard.components.figures import one_line
from dashboard.components.plain import cleaned
from dashboard.components.tables import text_column
from hud.types import ColumnValue
from hud.wire.tasksets import Column

Chosen = tuple[tuple[str, str], ...]
"""Pairs of a column and the value that it has to have."""
PREFIX = "column:"
MAX_SUGGESTED = 50


def column_configs(schema: Mapping[str, Column]) -> dict[str, Any]:
    """Table columns, under names that no other column of the table has."""
    return {f"{PREFIX}{name}": _config(name, column) for name, column in schema.items()}


def column_cells(schema: Mapping[str, Column], values: Mapping[str, ColumnValue]) -> dict[str, Any]:
    """A row's cells for `column_configs`."""
    return {f"{PREFIX}{name}": _cell(column, values.get(name)) for name, column in schema.items()}


def column_filters(
    schema: Mapping[str, Column], known: Iterable[Mapping[str, ColumnValue]], key: str
) -> Chosen:
    """Inputs for each column, and what was chosen, which the address has, too.

    Args:
        schema: The columns.
        known: Values of some rows, which are suggested.
        key: Prefix of the inputs' names.
    """
    rows = list(known)
    chosen = (
        (name, _filter(name, column, rows, f"{key}-{name}")) for name, column in schema.items()
    )
    return tuple((name, value) for name, value in chosen if value)


def ranged(wanted: str) -> str:
    """What a filter asks for, in words where it is a range."""
    low, dots, high = wanted.partition("..")
    if not dots:
        return wanted
    return f"{low} to {high}" if low and high else f"from {low}" if low else f"to {high}"


def _filter(
    name: str, column: Column, rows: list[Mapping[str, ColumnValue]], key: str
) -> str | None:
    if column.type == "number":
        return _range(cleaned(name), key)
    found = dict.fromkeys(text for row in rows for text in _texts(row.get(name)))
    picked: str | None = st.selectbox(
        cleaned(name),
        column.options or sorted(found)[:MAX_SUGGESTED],
        index=None,
        format_func=cleaned,
        key=key,
        placeholder="any",
        accept_new_options=column.type != "multi-select",
        bind="query-params",
    )
    return picked


def _range(label: str, key: str) -> str | None:
    left, right = st.columns(2)
    ends: dict[str, Any] = {"value": None, "bind": "query-params"}
    low = left.number_input(label, key=f"{key}-from", placeholder="from", **ends)
    high = right.number_input("to", key=f"{key}-to", placeholder="to", **ends)
    if low is None and high is None:
        return None
    return "..".join(
        "" if end is None else f"{end:.6f}".rstrip("0").rstrip(".") for end in (low, high)
    )


def _texts(value: ColumnValue) -> list[str]:
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    return [one_line(item) for item in items]


def _config(name: str, column: Column) -> Any:
    label = cleaned(name)
    match column.type:
        case "number":
            return st.column_config.NumberColumn(label, width="small")
        case "multi-select":
            return st.column_config.ListColumn(label, width="small")
        case _:
            return text_column(label)


def _cell(column: Column, value: ColumnValue) -> Any:
    if column.type == "multi-select":
        return [cleaned(text) for text in _texts(value)]
    if column.type == "number":
        return value if isinstance(value, int | float) else None
    return ", ".join(cleaned(text) for text in _texts(value))

"""Tables: one page of rows at a time, where a click on a row opens what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.components.plain import cleaned

ROW_HEIGHT = 35
MAX_HEIGHT = 740


def rows_table(
    rows: Sequence[Mapping[str, Any]],
    key: str,
    columns: Mapping[str, Any],
    opened: Callable[[int], None] | None = None,
) -> int | None:
    """Show rows; the number of the one that was clicked, if any.

    Args:
        rows: One mapping each, with a value for each of `columns`.
        key: The table's name on the page.
        columns: What `column_config` takes, by column, in order.
        opened: Called with the row's number before the page runs again.
    """
    frame = pd.DataFrame(list(rows), columns=list(columns))

    def on_click() -> None:
        chosen = _chosen(st.session_state.get(key))
        if opened is not None and chosen is not None and chosen < len(rows):
            opened(chosen)

    event = st.dataframe(
        frame,
        key=key,
        hide_index=True,
        column_config=dict(columns),
        on_select=on_click if opened is not None else "rerun",
        selection_mode="single-row",
        height=min(MAX_HEIGHT, ROW_HEIGHT * (len(frame) + 1) + 3),
    )
    chosen = _chosen(event)
    return chosen if chosen is not None and chosen < len(frame) else None


def page_of(total: int, size: int, key: str) -> int:
    """The offset of the page that the address names under `key`; the pager itself is `pager`."""
    text = str(st.session_state.get(key) or st.query_params.get(key) or "1")
    page = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
    return (min(max(page, 1), max(pages(total, size), 1)) - 1) * size


def pages(total: int, size: int) -> int:
    """How many pages there are."""
    return -(-total // size)


def pager(total: int, size: int, key: str, noun: str) -> None:
    """Below a table: which rows are shown, and the other pages."""
    offset = page_of(total, size, key)
    with st.container(horizontal=True, vertical_alignment="center"):
        last = min(offset + size, total)
        shown = f"{offset + 1:,}–{last:,} of {total:,} {noun}" if total else f"no {noun}"
        st.caption(shown, width="stretch")
        if pages(total, size) > 1:
            st.pagination(pages(total, size), key=key, bind="query-params")


def text_column(label: str, **options: Any) -> Any:
    """A column of plain text."""
    return st.column_config.TextColumn(cleaned(label), **options)


def mean_column(label: str = "Mean") -> Any:
    """A column of rewards from 0 to 1, as bars."""
    return st.column_config.ProgressColumn(
        label, min_value=0.0, max_value=1.0, format="%.2f", width="small"
    )


def when_column(label: str) -> Any:
    """A column of times, as their distance from now."""
    return st.column_config.DatetimeColumn(label, format="distance", width="small")


def count_column(label: str) -> Any:
    """A column of whole numbers."""
    return st.column_config.NumberColumn(label, format="localized", width="small")


def _chosen(state: Any) -> int | None:
    selection = (state or {}).get("selection") or {}
    rows = selection.get("rows") or []
    return int(rows[0]) if rows else None

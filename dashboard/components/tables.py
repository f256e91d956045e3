"""Tables: one page of rows at a time, where a click on a row opens what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from dashboard.components.plain import cleaned
from hud.wire.platform import Page

ItemT = TypeVar("ItemT")
MAX_ROWS = 30
"""Rows up to which a table is as high as they are."""
MAX_HEIGHT = 740
ROW_HEIGHT = 36


def rows_table(
    rows: Sequence[Mapping[str, Any]],
    key: str,
    columns: Mapping[str, Any],
    *,
    can_open: bool = False,
    most: int = MAX_ROWS,
) -> int | None:
    """Show rows; with `can_open`, the number of the row that was clicked, if any.

    Args:
        rows: One mapping each, with a value for each of `columns`.
        key: The table's name on the page.
        columns: What `column_config` takes, by column, in order.
        can_open: Whether a click on a row opens something.
        most: Rows from which the table scrolls.
    """
    frame = pd.DataFrame(list(rows), columns=list(columns))
    shown: dict[str, Any] = {"hide_index": True, "column_config": dict(columns)}
    shown["height"] = "content" if len(frame) <= most else min(MAX_HEIGHT, (most + 1) * ROW_HEIGHT)
    if not can_open:
        st.dataframe(frame, key=key, **shown)
        return None
    event = st.dataframe(frame, key=key, on_select="rerun", selection_mode="single-cell", **shown)
    chosen = _chosen(event)
    return chosen if chosen is not None and chosen < len(frame) else None


def page_shown(read: Callable[[int], Page[ItemT]], size: int, key: str) -> Page[ItemT]:
    """The page that the address names under `key`, or the last one; `read` is given its offset."""
    found = read((_page_asked(key) - 1) * size)
    offset = page_of(found.total, size, key)
    return found if offset == found.offset else read(offset)


def page_of(total: int, size: int, key: str) -> int:
    """The offset of the page that the address names under `key`; the pager itself is `pager`."""
    return (min(_page_asked(key), max(pages(total, size), 1)) - 1) * size


def _page_asked(key: str) -> int:
    text = str(st.session_state.get(key) or st.query_params.get(key) or "1")
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 8 else 1


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


def _chosen(event: Any) -> int | None:
    cells = (event.get("selection") or {}).get("cells") or []
    return int(cells[0][0]) if cells else None

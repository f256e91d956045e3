"""Where a page is: everything that it shows can be named by its address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

import streamlit as st

Where = str | int | Sequence[str] | None


def param(name: str) -> str | None:
    """What the address says under a name; None if it says nothing."""
    return st.query_params.get(name) or None


def number(name: str) -> int | None:
    """A whole number in the address; None if there is none."""
    text = param(name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def stay(**where: Where) -> None:
    """Name another place of this page; for use in callbacks."""
    st.query_params.from_dict(_given(where))


def go(page: str, **where: Where) -> NoReturn:
    """Open a page at a place."""
    st.switch_page(f"app_pages/{page}.py", query_params=_given(where))


def link(label: str, page: str, icon: str | None = None, **where: Where) -> None:
    """A link to a page at a place. The label is shown as Markdown."""
    st.page_link(f"app_pages/{page}.py", label=label, icon=icon, query_params=_given(where))


def going(**where: Where) -> Callable[[], None]:
    """A callback that names another place of this page."""
    return lambda: stay(**where)


def _given(where: dict[str, Where]) -> dict[str, str | list[str]]:
    return {
        name: [str(item) for item in value] if isinstance(value, list | tuple) else str(value)
        for name, value in where.items()
        if value is not None
    }

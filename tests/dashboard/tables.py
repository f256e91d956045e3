"""Tables of a page: what they hold, and clicks on them."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from tests.dashboard.pages import texts


def table(page: AppTest, name: str) -> Any:
    """The rows of a table, as the browser gets them; `name` is its key, or one of its columns.

    Raises:
        AssertionError: the page has no such table.
    """
    found = [item.value for item in page.dataframe if item.key == name]
    found += [item.value for item in page.dataframe if name in item.value.columns]
    assert found, f"no table `{name}`:\n{texts(page)}"
    return found[0]


def click(page: AppTest, key: str, row: int) -> AppTest:
    """Click on a row of a table."""
    assert row < len(table(page, key))
    chosen = {"rows": [], "columns": [], "cells": [(row, "")]}
    page.session_state[key] = {"selection": chosen}
    return page.run()


def place(page: AppTest) -> dict[str, Any]:
    """What the page's address says."""
    return {name: _single(value) for name, value in dict(page.query_params).items()}


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value

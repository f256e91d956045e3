"""The schema of custom columns."""

from __future__ import annotations

from typing import Any

import pytest

from hud.tasksets import infer_columns, merge_columns
from hud.wire.tasksets import Column


@pytest.mark.parametrize(
    ("values", "type_", "options"),
    [
        (["easy", "hard"], "text", []),
        ([1, 2.5, None], "number", []),
        ([True, False], "number", []),
        ([1, "2"], "text", []),
        ([None, "", None], "text", []),
        ([["b", "a"], ["c"]], "multi-select", ["a", "b", "c"]),
        ([["b"], "a", 3, None, True, ""], "multi-select", ["3", "a", "b", "true"]),
        ([[]], "multi-select", []),
        ([["b", 2, "a"], [1]], "multi-select", ["1", "2", "a", "b"]),
    ],
    ids=[
        "texts", "numbers", "booleans", "mixed", "empty", "lists", "lists-and-scalars",
        "empty-list", "mixed-members",
    ],
)  # fmt: skip
def test_a_column_has_the_type_of_all_its_values(
    values: list[Any], type_: str, options: list[str]
) -> None:
    tasks = [{"columns": {"it": value}} for value in values]
    assert infer_columns(tasks) == {
        "it": Column.model_validate({"type": type_, "options": options})
    }


def test_columns_come_in_the_order_in_which_they_first_occur() -> None:
    tasks: list[dict[str, Any]] = [
        {"columns": {"z": 1}},
        {},
        {"columns": None},
        {"columns": {"a": "x", "z": 2}},
    ]
    assert list(infer_columns(tasks)) == ["z", "a"]


def test_merging_keeps_definitions_adds_columns_and_extends_options() -> None:
    existing = {
        "level": Column(type="number"),
        "tags": Column(type="multi-select", options=["z", "a"]),
    }
    new = {
        "level": Column(type="text"),
        "tags": Column(type="multi-select", options=["a", "b"]),
        "owner": Column(type="text"),
    }
    assert merge_columns(existing, new) == {
        "level": Column(type="number"),
        "tags": Column(type="multi-select", options=["z", "a", "b"]),
        "owner": Column(type="text"),
    }
    assert existing["tags"].options == ["z", "a"]

"""The schema of custom columns: inferred over all tasks, and merged with what is there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hud.wire.tasksets import Column


def infer_columns(tasks: Iterable[Mapping[str, Any]]) -> dict[str, Column]:
    """Each column's type over all tasks, in the order in which the columns first occur.

    A list anywhere makes a multi-select whose options are all that occurs; numbers only make a
    number (a boolean counts as one); everything else is text.
    """
    values: dict[str, list[Any]] = {}
    for task in tasks:
        for name, value in (task.get("columns") or {}).items():
            values.setdefault(name, []).append(value)
    return {name: _infer(found) for name, found in values.items()}


def _infer(values: list[Any]) -> Column:
    filled = [value for value in values if not is_empty(value)]
    if any(isinstance(value, list) for value in values):
        return Column(type="multi-select", options=sorted(_options(filled)))
    if filled and all(isinstance(value, int | float) for value in filled):
        return Column(type="number")
    return Column(type="text")


def _options(values: list[Any]) -> set[str]:
    return {
        _text(item)
        for value in values
        for item in (value if isinstance(value, list) else [value])
        if not is_empty(item)
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing."""
    return value is None or value == "" or value == []


def merge_columns(existing: Mapping[str, Column], new: Mapping[str, Column]) -> dict[str, Column]:
    """The existing schema with new columns added and the options of multi-selects extended."""
    merged = dict(existing)
    for name, column in new.items():
        known = merged.get(name)
        if known is None:
            merged[name] = column
        elif known.type == "multi-select":
            options = [*known.options, *(o for o in column.options if o not in known.options)]
            merged[name] = known.model_copy(update={"options": options})
    return merged

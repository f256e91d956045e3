"""v4 task files, turned into v5 JSON; and the names that code for v4 tasks uses.

Variables stay as they are written: they are filled in when a rollout starts.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from hud.environment.legacy import (
    LegacyTask,
    environment_named,
    fill_in,
    find_reward,
    is_v4,
    load_dicts,
    to_task,
    to_v5,
)
from hud.errors import UserError
from hud.eval.taskset import read_items

__all__ = [
    "LegacyTask",
    "as_json",
    "as_json_lines",
    "convert_file",
    "environment_named",
    "fill_in",
    "find_reward",
    "is_v4",
    "load_dicts",
    "to_task",
    "to_v5",
]


def convert_file(path: Path) -> list[dict[str, Any]]:
    """The tasks of a v4 JSON or JSON Lines file as v5 JSON; v5 tasks among them stay as they are.

    Raises:
        UserError: names the file, the position and the reason.
    """
    if path.suffix not in (".json", ".jsonl"):
        hint = "v4 tasks live in .json and .jsonl files"
        raise UserError(f"`{path}` is no JSON or JSON Lines file", hint=hint)
    if not path.is_file():
        raise UserError(f"there is no file `{path}`")
    converted = [_converted(item, place) for place, item in read_items(path)]
    if not converted:
        raise UserError(f"`{path.name}` holds no tasks")
    _check_slugs(converted, path.name)
    return converted


def _converted(item: dict[str, Any], place: str) -> dict[str, Any]:
    if item.get("scenario"):
        return item
    try:
        return to_v5(item)
    except UserError as exc:
        raise UserError(f"{place}: {exc.message}", hint=exc.hint) from exc


def _check_slugs(tasks: list[dict[str, Any]], name: str) -> None:
    slugs = Counter(task["slug"] for task in tasks if task.get("slug"))
    for slug, count in slugs.items():
        if count > 1:
            hint = 'give each task a "slug" or an "id" of its own'
            raise UserError(f"`{name}`: two tasks have the slug `{slug}`", hint=hint)


def as_json(tasks: list[dict[str, Any]]) -> str:
    """Tasks as one JSON list, for reading."""
    return json.dumps(tasks, indent=2, ensure_ascii=False)


def as_json_lines(tasks: list[dict[str, Any]]) -> str:
    """Tasks as JSON Lines; in ASCII, as some readers take exotic characters for line ends."""
    return "\n".join(json.dumps(task) for task in tasks)

"""Tasks as a CSV table that a spreadsheet opens and a taskset takes back.

Headers: slug, scenario, env, `arg:NAME`, `col:NAME`, and `reward:NAME` where rewards are given.
A text that a spreadsheet would run as a formula begins with an apostrophe, which import removes.
A text that would be read back as something else than it is (`1`, `true`) is quoted as JSON.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hud.errors import UserError
from hud.tasksets.plan import env_name
from hud.wire.tasksets import Kept

FIXED = ("slug", "scenario", "env")
NO_ROOM: tuple[Kept, ...] = ("validation", "agent_config", "metadata")
"""Fields of a task that the table does not have."""
BOOLEANS = {"TRUE": True, "FALSE": False}
"""What a spreadsheet makes of `true` and `false`."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, and what it strips before looking."""


class Table(NamedTuple):
    """The columns of a table, which is written line by line."""

    args: Sequence[str] = ()
    columns: Sequence[str] = ()
    rewards: Sequence[str] = ()

    def head(self) -> str:
        """The line of headers."""
        headers = [f"arg:{n}" for n in self.args] + [f"col:{n}" for n in self.columns]
        headers += [f"reward:{name}" for name in self.rewards]
        return _line([*FIXED, *map(_guarded, headers)])

    def row(
        self, task: Mapping[str, Any], rewards: Mapping[str, float | None] | None = None
    ) -> str:
        """The line of a task in its JSON format."""
        given = rewards or {}
        cells = [_guarded(str(task.get("slug") or "")), _guarded(str(task.get("scenario") or ""))]
        cells.append(_guarded(env_name(task) or ""))
        cells += [_cells(task.get("args"), name) for name in self.args]
        cells += [_cells(task.get("columns"), name) for name in self.columns]
        cells += ["" if given.get(name) is None else repr(given[name]) for name in self.rewards]
        return _line(cells)


def to_csv(
    tasks: Iterable[Mapping[str, Any]],
    rewards: Mapping[str, Mapping[str, float | None]] | None = None,
) -> str:
    """The table of these tasks; `rewards` adds a column for each of its names, by slug."""
    rows, given = [dict(task) for task in tasks], rewards or {}
    names = list(dict.fromkeys(name for of_task in given.values() for name in of_task))
    table = Table(_names(rows, "args"), _names(rows, "columns"), names)
    lines = (table.row(task, given.get(str(task.get("slug")))) for task in rows)
    return "".join([table.head(), *lines])


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _names(tasks: Sequence[Mapping[str, Any]], part: str) -> list[str]:
    return sorted({name for task in tasks for name in task.get(part) or {}})


def _cells(values: Mapping[str, Any] | None, name: str) -> str:
    values = values or {}
    return _cell(values[name]) if name in values else ""


def _cell(value: Any) -> str:
    if isinstance(value, str) and value and _read(value) == value:
        return _guarded(value)
    return json.dumps(value, ensure_ascii=False)


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith((*FORMULA, "'")) else text


def _unguarded(text: str) -> str:
    guarded = text.startswith("'") and text[1:].startswith((*FORMULA, "'"))
    return text[1:] if guarded else text


def from_csv(text: str) -> list[dict[str, Any]]:
    """The tasks of such a table, in their JSON format; empty cells give no argument and no column.

    Raises:
        UserError: a header is missing, unknown or occurs twice, or a row is too long.
    """
    rows = list(_rows(text))
    if not rows:
        raise UserError("the table is empty", hint="begin it with `slug,scenario,env,arg:…,col:…`")
    headers = [h.strip() if h.strip() in FIXED else _unguarded(h) for h in rows[0]]
    _check(headers)
    tasks = []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) > len(headers):
            raise UserError(
                f"row {line} has {len(row)} cells, but there are {len(headers)} headers"
            )
        if any(cell.strip() for cell in row):
            tasks.append(_task(headers, row))
    return tasks


def _rows(text: str) -> Iterable[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    except csv.Error as exc:
        raise UserError(f"the table is no CSV: {exc}") from exc


def _check(headers: Sequence[str]) -> None:
    for name in ("slug", "scenario"):
        if name not in headers:
            raise UserError(f"the table has no column `{name}`", hint="its first row has headers")
    for header in headers:
        if headers.count(header) > 1:
            raise UserError(f"the table has two columns `{header}`")
        prefix, colon, name = header.partition(":")
        if header not in FIXED and not (colon and name and prefix in {"arg", "col", "reward"}):
            raise UserError(
                f"the table has an unknown column `{header}`", hint=f"call it `col:{header}`"
            )


def _task(headers: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    task: dict[str, Any] = {"args": {}, "columns": {}}
    for header, cell in zip(headers, row, strict=False):
        prefix, colon, name = header.partition(":")
        value = _unguarded(cell)
        if not value:
            continue
        if prefix in {"arg", "col"} and colon:
            task["args" if prefix == "arg" else "columns"][name] = _read(value)
        elif header == "env":
            task["env"] = {"name": value.strip()}
        elif header in FIXED:
            task[header] = value.strip()
    return task


def _read(text: str) -> Any:
    """A cell's value: what is JSON is read as JSON, all else is text."""
    if text in BOOLEANS:
        return BOOLEANS[text]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value

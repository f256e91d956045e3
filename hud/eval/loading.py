"""Tasks by name: from a file, a folder, or a taskset at the controller; and back."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from hud.environment import Environment
from hud.environment.legacy import V4Task, is_v4, to_task
from hud.environment.modules import environment_called, local_environments
from hud.environment.prompt_arguments import decode_arguments
from hud.errors import ControllerUnavailable, UserError, did_you_mean
from hud.eval.registered import connect
from hud.eval.taskset import collect, read_items
from hud.task import Task, check_unique_slugs
from hud.tasksets import from_csv, to_csv

Answer = TypeVar("Answer")

FILES = (".py", ".json", ".jsonl", ".csv")
"""How the names of task files end."""


def load_tasks(source: str | Path, *, raw: bool = False) -> list[Any]:
    """The tasks of a file (.json, .jsonl, .csv, .py), a folder, or a taskset at the controller
    (`name`, or `name/slug` for one of its tasks).

    JSON tasks run in the local `Environment` of the name that they give; where there is none, as
    those of a taskset do, in instances that the controller starts. One that names none has `env`
    None, to be assigned. v4 tasks become tasks of the built-in environment. With `raw`, dicts as
    they are written.

    Raises:
        UserError: the source cannot be read, holds no tasks, or there is no such taskset.
    """
    name, path = str(source), Path(source)
    if not (path.exists() or path.suffix in FILES):
        found = _ask_controller(name, lambda client: _items_of_taskset(client, name))
        return found if raw else connect(task_from(item) for item in found)
    if path.suffix == ".csv":
        rows = read_csv(path)
        return rows if raw else _of_rows(rows, path)
    if not raw:
        return connect(collect(name))
    if path.suffix in (".json", ".jsonl"):
        return [item for _, item in read_items(path)]
    return [task.to_json() for task in collect(name)]


def save_tasks(name: str | Path, tasks: Iterable[Task | V4Task | Mapping[str, Any]]) -> str:
    """Write tasks to a file (.json, .jsonl, .csv), or to the taskset `name` at the controller.

    Returns the file's path, or the taskset's id.

    Raises:
        UserError: there are none, two share a slug, one names no scenario, or it cannot be written.
    """
    chosen = [item if isinstance(item, Task) else task_from(item) for item in tasks]
    if not chosen:
        raise UserError("there are no tasks to save")
    check_unique_slugs(chosen)
    for position, task in enumerate(chosen):
        if not task.scenario:
            raise UserError(f"task {position} names no scenario, so it cannot be saved")
    path = Path(name)
    if path.suffix not in FILES[1:]:
        data = [task.to_json() for task in chosen]
        return _ask_controller(str(name), lambda client: str(client.save_tasks(str(name), data)))
    try:
        path.write_text(_written(chosen, path.suffix), encoding="utf-8", newline="")
    except OSError as exc:
        raise UserError(f"`{name}` cannot be written: {exc.strerror}") from exc
    return str(name)


def task_from(item: V4Task | Mapping[str, Any]) -> Task:
    """A task from its JSON data, of v4 or v5."""
    return to_task(item) if isinstance(item, V4Task) or is_v4(item) else Task(**dict(item))


def _ask_controller(name: str, action: Callable[[Any], Answer]) -> Answer:
    """What `action` gets from the controller's client for the taskset `name`.

    Raises:
        UserError: there is no such taskset, or no controller.
    """
    # The client stands above evaluation; it is loaded only here.
    client = importlib.import_module("hud.client").Client()
    try:
        with client:
            return action(client)
    except ControllerUnavailable as exc:
        reason = f"there is no file `{name}`, and no controller to ask for a taskset of this name"
        hint = exc.hint or "name a file (tasks.json, tasks.jsonl, tasks.csv, tasks.py)"
        raise UserError(reason, hint=hint, detail=exc.message) from exc


def _items_of_taskset(client: Any, name: str) -> list[dict[str, Any]]:
    """The tasks of a taskset, or the one of it that `taskset/slug` means."""
    known = [record.name for record in client.tasksets()]
    if name in known:
        return list(client.tasks(name))
    taskset, _, slug = name.rpartition("/")
    if taskset not in known:
        reason = f"there is no file, folder or taskset `{name}`"
        raise UserError(reason, hint=did_you_mean(name, known) or f"hud sync tasks {name} tasks.py")
    items = list(client.tasks(taskset))
    found = [item for item in items if item.get("slug") == slug]
    if not found:
        slugs = [str(item.get("slug")) for item in items]
        hint = did_you_mean(slug, slugs)
        raise UserError(f"taskset `{taskset}` has no task `{slug}`", hint=hint)
    return found


def read_csv(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV file of tasks as task data; see `hud.tasksets`.

    Raises:
        UserError: it cannot be read, or is no table of tasks.
    """
    try:
        # Line ends inside of cells are the author's.
        rows = from_csv(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as exc:
        raise UserError(f"`{path.name}` cannot be read: {exc}") from exc
    except UserError as exc:
        raise UserError(f"`{path.name}`: {exc.message}", hint=exc.hint) from exc
    for position, row in enumerate(rows, start=1):
        if not row.get("scenario"):
            raise UserError(f"`{path.name}`: task {position} names no scenario")
    return rows


def _of_rows(rows: list[dict[str, Any]], path: Path) -> list[Task]:
    environments = local_environments(path) if any("env" in row for row in rows) else {}
    tasks = connect(_of_row(row, environments) for row in rows)
    if not tasks:
        raise UserError(f"`{path.name}` holds no tasks")
    check_unique_slugs(tasks)
    return tasks


def _of_row(row: dict[str, Any], environments: Mapping[str, Environment]) -> Task:
    task = Task(**row)
    env = environment_called(task.env_name, environments)
    scenario = env.find_scenario(task.scenario_name) if env else None
    if env is None or scenario is None:
        return task
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in (task.args or {}).items()
    }
    made = env.make_task(scenario.name, decode_arguments(scenario, texts))
    return made.copy(slug=task.slug, columns=task.columns)


def _written(tasks: list[Task], suffix: str) -> str:
    data = [task.to_json() for task in tasks]
    if suffix == ".jsonl":
        return "".join(json.dumps(item) + "\n" for item in data)
    if suffix == ".json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return to_csv(data)

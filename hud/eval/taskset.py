"""Which tasks a source holds: a Python file, a directory, JSON or JSON Lines.

1. Order is the order of definition, never the alphabet; an object with two names is one task.
2. A directory: the task files of its own (`tasks.py`, `task.py`, and of `tasks/` every file and
   every `task.py` below), else every `task.py` below it, else its other Python files. A package
   named `tasks` whose `__init__.py` holds tasks says with it which they are.
3. A file that cannot be imported or read stops the discovery with its name; an author's mistake
   keeps the author's traceback.
4. A JSON task runs in the local `Environment` of the name that it gives, else in the controller's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from hud.environment import Environment
from hud.environment.legacy import LegacyTask, environment_named, is_v4, to_task
from hud.environment.modules import environment_called, local_environments
from hud.errors import UserError, did_you_mean
from hud.eval.imports import import_file
from hud.eval.registered import connect
from hud.runtime.local import environment_of
from hud.task import Task, check_unique_slugs

NOT_TASKS = frozenset({"env", "environment", "conftest", "setup", "__init__", "__main__"})


def collect(source: str, only_first: bool = False, task_ids: list[str] | None = None) -> list[Task]:
    """The tasks of `source`, in order, all or those that are asked for.

    `task_ids` are slugs (or positions, from 0, where no slug is equal); `only_first` takes the
    first task.

    Raises:
        UserError: the source does not exist, holds no tasks, or cannot be read; or an id is
            unknown.
    """
    try:
        tasks = unique(_discover(find_source(source)))
    except OSError as exc:
        raise UserError(f"`{source}` cannot be read: {exc.strerror}") from exc
    return choose(tasks, source, only_first, task_ids)


def collect_data(
    source: str, only_first: bool = False, task_ids: list[str] | None = None
) -> list[Task]:
    """The tasks of a JSON file as `collect` finds them, whatever becomes of their environment.

    Raises:
        UserError: as `collect`.
    """
    items = read_items(find_source(source))
    return choose([_task(item, place) for place, item in items], source, only_first, task_ids)


def choose(
    tasks: list[Task], source: str, only_first: bool, task_ids: list[str] | None
) -> list[Task]:
    """All tasks of a source, the first one, or those with these ids.

    Raises:
        UserError: there are none, two cannot be told apart, or an id is unknown.
    """
    if not tasks:
        raise UserError(
            f"`{source}` holds no tasks",
            hint='make one with `scenario.task(...)` or `env("scenario", ...)`',
        )
    check_unique_slugs(tasks)
    _check_unique_keys(tasks)
    if task_ids:
        return select(tasks, task_ids, source)
    return tasks[:1] if only_first else tasks


def collect_runnable(
    source: str, only_first: bool = False, task_ids: list[str] | None = None
) -> list[Task]:
    """The tasks of `source` as `collect` finds them, each with a live environment: here, or at the
    controller.

    Raises:
        UserError: as `collect`; or a task names an environment that is in neither place.
    """
    tasks = connect(collect(source, only_first, task_ids))
    for task in tasks:
        environment_of(task)
    return tasks


def find_source(source: str) -> Path:
    """The file or folder that `source` names, links not followed.

    Raises:
        UserError: there is none; offers the near ones.
    """
    path = Path(os.path.abspath(source))
    try:
        is_there = path.exists()
    except OSError as exc:
        raise UserError(f"`{source}` cannot be read: {exc.strerror}") from exc
    if not is_there:
        raise UserError(f"there is no file or folder `{source}`", hint=_near_paths(path))
    return path


def _check_unique_keys(tasks: list[Task]) -> None:
    """Refuse tasks that cannot be told apart: without a slug, and with the same scenario and
    arguments.
    """
    seen: set[str] = set()
    for task in tasks:
        if task.key in seen:
            arguments = ", ".join(f"{name}={value!r}" for name, value in (task.args or {}).items())
            told = f"{task.scenario_name}({arguments})"
            raise UserError(
                f"two tasks without a slug are `{told}`", hint="give each task a slug of its own"
            )
        seen.add(task.key)


def select(tasks: list[Task], ids: Iterable[str], source: str) -> list[Task]:
    """The tasks with these slugs, in the order of the ids.

    Raises:
        UserError: an id is no task's; offers the near ones.
    """
    by_key = {task.key: task for task in tasks}
    chosen: list[Task] = []
    for wanted in ids:
        found = by_key.get(wanted)
        if found is None and wanted.isdecimal() and int(wanted) < len(tasks):
            found = tasks[int(wanted)]
        if found is None:
            hint = did_you_mean(wanted, by_key) or f"list all with `hud eval {source} --list`"
            raise UserError(f"no task named `{wanted}` in {source}", hint=hint)
        if found not in chosen:
            chosen.append(found)
    return chosen


def unique(tasks: Iterable[Task]) -> list[Task]:
    """Tasks without second names of the same object."""
    seen: dict[int, Task] = {}
    for task in tasks:
        seen.setdefault(id(task), task)
    return list(seen.values())


def _discover(path: Path) -> Iterator[Task]:
    if path.is_dir():
        yield from _of_directory(path)
    elif path.suffix == ".py":
        yield from _of_module(import_file(path))
    elif path.suffix in (".json", ".jsonl"):
        yield from _of_data(path)
    else:
        raise UserError(
            f"`{path.name}` is no task file",
            hint="tasks live in .py, .json or .jsonl files, or a folder",
        )


def _of_directory(folder: Path) -> list[Task]:
    """The first group of files that holds tasks; see the module's second point."""
    return next(filter(None, _groups(folder)), [])


def _groups(folder: Path) -> Iterator[list[Task]]:
    if folder.resolve().name == "tasks":
        yield _of_tasks_folder(folder)
    own = [folder / name for name in ("tasks.py", "task.py") if (folder / name).is_file()]
    yield _of_files(own) + _of_tasks_folder(folder / "tasks")
    yield _of_files(_below(folder))
    yield _of_files([path for path in _task_files(folder) if path.suffix == ".py"])


def _of_tasks_folder(folder: Path) -> list[Task]:
    if not folder.is_dir():
        return []
    package = folder / "__init__.py"
    listed = _of_files([package]) if package.is_file() else []
    return listed or _of_files(list(dict.fromkeys([*_task_files(folder), *_below(folder)])))


def _of_files(paths: list[Path]) -> list[Task]:
    return [task for path in paths for task in _discover(path)]


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("task.py") if not _is_hidden(path, folder))


def _task_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file()
        and path.suffix in (".py", ".json", ".jsonl")
        and path.stem not in NOT_TASKS
        if not path.name.startswith((".", "_"))
    )


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _of_module(module: ModuleType) -> Iterator[Task]:
    """The tasks of a module: its `tasks`, if that holds any, else every public name that is a
    task.
    """
    listed = getattr(module, "tasks", None)
    values = listed.values() if isinstance(listed, dict) else listed
    found = [item for item in values if _is_task(item)] if isinstance(values, Iterable) else []
    named = [value for name, value in vars(module).items() if not name.startswith("_")]
    for value in {id(value): value for value in found or named if _is_task(value)}.values():
        yield value if isinstance(value, Task) else to_task(value)


def _is_task(value: Any) -> bool:
    return isinstance(value, Task | LegacyTask)


def _of_data(path: Path) -> Iterator[Task]:
    environments: dict[str, Environment] | None = None
    for place, item in read_items(path):
        task = _task(item, place)
        if task.env_name is not None and not isinstance(task.env, Environment):
            environments = local_environments(path) if environments is None else environments
            task.env = (
                environment_called(task.env_name, environments)
                or environment_named(task.env_name)
                or task.env
            )
            _check(task, place)
        yield task


def read_items(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON or JSON Lines file, each with its place for error messages.

    Raises:
        UserError: the file is not JSON, or an item is no object.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise UserError(f"`{path.name}` cannot be read: {exc}") from exc
    if path.suffix == ".json":
        yield from _items(_parse(text, path.name), path.name)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{path.name}:{number}"
            yield from _items(_parse(line, place), place)


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise UserError(f"`{place}` is not JSON: {exc}") from exc


def _items(data: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for position, item in enumerate(data if isinstance(data, list) else [data]):
        where = f"{place}, item {position}" if isinstance(data, list) else place
        if not isinstance(item, dict):
            raise UserError(f"{where}: a task is a JSON object, not {type(item).__name__}")
        yield where, item


def _task(item: dict[str, Any], place: str) -> Task:
    try:
        if is_v4(item):
            return to_task(item)
        if not item.get("scenario"):
            raise UserError(f"{place}: the task names no scenario")
        return Task(**{"args": {}, **item})
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "task"
        raise UserError(f"{place}: {field}: {first['msg']}") from exc
    except UserError as exc:
        raise (
            exc
            if exc.message.startswith(place)
            else UserError(f"{place}: {exc.message}", hint=exc.hint)
        ) from exc


def _check(task: Task, place: str) -> None:
    """Check a JSON task's scenario and arguments against its local environment."""
    if isinstance(task.env, Environment) and task.scenario is not None and task.args is not None:
        try:
            task.args = task.env.make_task(task.scenario, task.args).args
        except UserError as exc:
            raise UserError(f"{place}: {exc.message}", hint=exc.hint) from exc


def _near_paths(path: Path) -> str | None:
    folder = path.parent
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    return did_you_mean(
        path.name, [name for name in names if name.endswith((".py", ".json", ".jsonl"))]
    )

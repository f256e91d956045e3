"""Which tasks a source holds: a Python file, a directory, JSON or JSON Lines.

1. Order is the order of definition, never the alphabet; an object with two names is one task.
2. A directory: the task files of its own (`tasks.py`, `task.py`, and every file of `tasks/`), else every `task.py`
   below it, else its other Python files.
3. A file that cannot be imported or read stops the discovery with its name; an author's mistake keeps the author's
   traceback.
4. A JSON task runs in the local `Environment` of the name that it gives.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from hud.environment import Environment
from hud.environment.legacy import LegacyTask, is_v4, to_task
from hud.errors import UserError, describe, did_you_mean
from hud.task import Task, check_unique_slugs

ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "env.py", ".hud", ".git")
ROOT_DISTANCE = 10
NOT_TASKS = frozenset({"env", "environment", "conftest", "setup", "__init__", "__main__"})
ENVIRONMENT_FILES = ("env.py", "environment.py", "main.py", "server.py")


def collect(source: str, only_first: bool = False, task_ids: list[str] | None = None) -> list[Task]:
    """The tasks of `source`, in order, all or those that are asked for.

    `task_ids` are slugs (or positions, from 0, where no slug is equal); `only_first` takes the first task.

    Raises:
        UserError: the source does not exist, holds no tasks, or cannot be read; or an id is unknown.
    """
    path = Path(source)
    if not path.exists():
        raise UserError(f"there is no file or folder `{source}`", hint=_near_paths(path))
    tasks = unique(_discover(path.resolve()))
    if not tasks:
        raise UserError(f"`{source}` holds no tasks", hint="make one with `scenario.task(...)` or `env(\"scenario\", ...)`")
    check_unique_slugs(tasks)
    if task_ids:
        return select(tasks, task_ids, source)
    return tasks[:1] if only_first else tasks


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
        yield from _of_module(load_module(path))
    elif path.suffix in (".json", ".jsonl"):
        yield from _of_data(path)
    else:
        raise UserError(f"`{path.name}` is no task file", hint="tasks live in .py, .json or .jsonl files, or a folder")


def _of_directory(folder: Path) -> Iterator[Task]:
    """The first group of files that holds tasks; see the module's second point."""
    for files in _groups(folder):
        tasks = [task for file in files for task in _discover(file)]
        if tasks:
            yield from tasks
            return


def _groups(folder: Path) -> Iterator[list[Path]]:
    own = [folder / name for name in ("tasks.py", "task.py") if (folder / name).is_file()]
    nested = _task_files(folder / "tasks") if (folder / "tasks").is_dir() else []
    if folder.name == "tasks":
        yield _task_files(folder)
    yield [*own, *nested]
    below = sorted(path for path in folder.rglob("task.py") if not _is_hidden(path, folder))
    yield below
    yield [path for path in _task_files(folder) if path.suffix == ".py"]


def _task_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix in (".py", ".json", ".jsonl") and path.stem not in NOT_TASKS
        if not path.name.startswith((".", "_"))
    )


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def load_module(path: Path) -> ModuleType:
    """Import a Python file with its project's root and its own folder on `sys.path`, under its own name if it is free.

    Raises:
        UserError: the import failed; `detail` is the author's traceback.
    """
    for folder in (str(project_root(path)), str(path.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    name = path.stem if loaded is None else f"_hud_{abs(hash(path))}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"`{path.name}` cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as exc:
        del sys.modules[name]
        raise UserError(f"`{path.name}` cannot be imported: {describe(exc)}", detail=_author_traceback(exc)) from exc
    return module


def project_root(path: Path) -> Path:
    """The nearest folder above a file that looks like a project's root; the file's own folder if none does."""
    for folder in list(path.parents)[:ROOT_DISTANCE]:
        if any((folder / mark).exists() for mark in ROOT_MARKS):
            return folder
    return path.parent


def _of_module(module: ModuleType) -> Iterator[Task]:
    """The tasks of a module: its `tasks`, if that holds any, else every public name that is a task."""
    listed = getattr(module, "tasks", None)
    values = listed.values() if isinstance(listed, dict) else listed
    found = [item for item in values if _is_task(item)] if isinstance(values, Iterable) else []
    for value in found or [value for name, value in vars(module).items() if not name.startswith("_")]:
        if isinstance(value, Task):
            yield value
        elif isinstance(value, LegacyTask):
            yield to_task(value)


def _is_task(value: Any) -> bool:
    return isinstance(value, Task | LegacyTask)


def _of_data(path: Path) -> Iterator[Task]:
    environments: dict[str, Environment] | None = None
    for place, item in read_items(path):
        task = _task(item, place)
        if task.env_name is not None and not isinstance(task.env, Environment):
            environments = local_environments(path) if environments is None else environments
            task.env = environments.get(task.env_name, task.env)
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
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            place = f"{path.name}:{number}"
            yield from _items(_parse(line, place), place)


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as exc:
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
        raise exc if exc.message.startswith(place) else UserError(f"{place}: {exc.message}", hint=exc.hint) from exc


def _check(task: Task, place: str) -> None:
    """Check a JSON task's scenario and arguments against its local environment."""
    if isinstance(task.env, Environment) and task.scenario is not None and task.args is not None:
        try:
            task.args = task.env.make_task(task.scenario, task.args).args
        except UserError as exc:
            raise UserError(f"{place}: {exc.message}", hint=exc.hint) from exc


def local_environments(path: Path) -> dict[str, Environment]:
    """The environments of the Python files beside a task file and at its project's root, by name."""
    found: dict[str, Environment] = {}
    for folder in dict.fromkeys((path.parent, path.parent.parent, project_root(path))):
        for name in ENVIRONMENT_FILES:
            if (folder / name).is_file():
                for value in vars(load_module(folder / name)).values():
                    if isinstance(value, Environment):
                        found.setdefault(value.name, value)
    return found


def _near_paths(path: Path) -> str | None:
    folder = path.parent
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    return did_you_mean(path.name, [name for name in names if name.endswith((".py", ".json", ".jsonl"))])


def _author_traceback(exc: BaseException) -> str:
    """The traceback from the author's file on."""
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and not frame.filename.startswith("<frozen")]
    return "".join(traceback.format_list(own) + traceback.format_exception_only(exc))

"""What an upload changes: tasks are matched by slug and compared by what makes a rollout differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from hud.errors import UserError
from hud.task import V4_FIELDS, Task, TaskAgentConfig
from hud.tasksets.columns import is_empty
from hud.wire.tasksets import Change, PlannedTask

COMPARED = ("scenario", "env", "args", "validation", "agent_config", "columns")
_NO_AGENT_CONFIG = TaskAgentConfig().model_dump()


def plan(
    local: Iterable[Mapping[str, Any]], remote: Iterable[Mapping[str, Any]]
) -> list[PlannedTask]:
    """What becomes of each task: the local ones in their order, then those that are only remote.

    Args:
        local: Checked tasks in their JSON format; what is missing from one is cleared.
        remote: The taskset's tasks as they are.
    """
    here = {str(task["slug"]): signature(task) for task in local}
    there = {str(task["slug"]): signature(task) for task in remote}
    orphans = {_key(parts): slug for slug, parts in there.items() if slug not in here}
    planned = [_planned(slug, parts, there.get(slug), orphans) for slug, parts in here.items()]
    left = [PlannedTask(slug=slug, change="remote-only") for slug in there if slug not in here]
    return planned + left


def _planned(
    slug: str, parts: dict[str, Any], remote: dict[str, Any] | None, orphans: Mapping[str, str]
) -> PlannedTask:
    if remote is None:
        return PlannedTask(slug=slug, change="create", renamed_from=orphans.get(_key(parts)))
    fields = [name for name in COMPARED if _text(parts[name]) != _text(remote[name])]
    change: Change = "update" if fields else "unchanged"
    return PlannedTask(slug=slug, change=change, fields=fields)


def signature(task: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a task another one, by field: defaults and ids are left out, so that a task that
    went through a file or a taskset has the signature it had.
    """
    columns = {k: v for k, v in (task.get("columns") or {}).items() if not is_empty(v)}
    return {
        "scenario": str(task.get("scenario") or "").rpartition(":")[2],
        "env": env_name(task),
        "args": task.get("args") or {},
        "validation": _calls(task.get("validation")),
        "agent_config": _agent_config(task.get("agent_config")),
        "columns": columns,
    }


def env_name(task: Mapping[str, Any]) -> str | None:
    """The name of a task's environment; without one, the scenario's prefix."""
    env = task.get("env")
    name = env.get("name") if isinstance(env, Mapping) else env
    return str(name) if name else str(task.get("scenario") or "").rpartition(":")[0] or None


def keeping(
    local: Iterable[Mapping[str, Any]],
    remote: Mapping[str, Mapping[str, Any]],
    fields: Iterable[str],
) -> list[dict[str, Any]]:
    """The local tasks, with these fields as the remote ones of the same slug have them; and with
    the remote one's choice of tools, where both name the same environment.
    """
    kept = tuple(fields)
    return [
        _kept(task, remote.get(task["slug"], {}), kept) if kept else dict(task) for task in local
    ]


def _kept(
    task: Mapping[str, Any], known: Mapping[str, Any], fields: tuple[str, ...]
) -> dict[str, Any]:
    stays = {name: known[name] for name in fields if name in known}
    if known.get("env") and env_name(known) == env_name(task):
        stays["env"] = known["env"]
    return {**task, **stays}


def _calls(validation: Any) -> list[dict[str, Any]] | None:
    if not validation:
        return None
    return [{"name": c.get("name"), "arguments": c.get("arguments") or {}} for c in validation]


def _agent_config(config: Any) -> dict[str, Any]:
    return {
        name: value for name, value in (config or {}).items() if value != _NO_AGENT_CONFIG.get(name)
    }


def _key(parts: Mapping[str, Any]) -> str:
    return _text([parts[name] for name in COMPARED])


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def check_tasks(tasks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tasks as a taskset keeps them.

    Raises:
        UserError: one has no slug or no scenario, a field is malformed, or two share a slug.
    """
    checked: dict[str, dict[str, Any]] = {}
    for position, task in enumerate(tasks, start=1):
        kept = check_task(task, position)
        if kept["slug"] in checked:
            raise UserError(
                f"two tasks have the slug `{kept['slug']}`", hint="give each task its own slug"
            )
        checked[kept["slug"]] = kept
    return list(checked.values())


def check_task(task: Mapping[str, Any], position: int) -> dict[str, Any]:
    """One task as a taskset keeps it: JSON data without what is empty.

    Raises:
        UserError: names the task and the field.
    """
    slug = str(task.get("slug") or "").strip()
    name = f"task `{slug}`" if slug else f"task {position}"
    if not slug:
        raise UserError(f"{name} has no slug", hint="give it one: `task.slug = 'count-r'`")
    if not str(task.get("scenario") or "").strip():
        v4 = not V4_FIELDS.isdisjoint(task)
        hint = "convert it with `hud convert`" if v4 else "name the scenario that it plays"
        raise UserError(f"{name} has no scenario", hint=hint)
    try:
        data = Task(**{"args": {}, **_known(task), "slug": slug}).to_json()
    except (ValidationError, TypeError) as exc:
        raise UserError(f"{name} cannot be read: {_reason(exc)}") from exc
    return {key: value for key, value in data.items() if value not in ({}, []) or key == "args"}


def _known(task: Mapping[str, Any]) -> dict[str, Any]:
    return {name: task[name] for name in Task.model_fields if task.get(name) is not None}


def _reason(exc: ValidationError | TypeError) -> str:
    if not isinstance(exc, ValidationError):
        return str(exc)
    first = exc.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]

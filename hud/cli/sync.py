"""`hud sync`: bring tasks, or an environment's name, in line with the controller."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from hud.cli import console
from hud.cli.asking import agreed
from hud.cli.eval import SOURCES
from hud.cli.linked import link_to, linked
from hud.client import Client, Refused
from hud.errors import UserError, did_you_mean
from hud.eval.loading import load_tasks
from hud.eval.taskset import find_source
from hud.tasksets import NO_ROOM
from hud.wire.tasksets import PlannedTask, SyncPlan, TaskUpload

EXPORTS = (".json", ".csv")
NAMED = re.compile(r"""(\bEnvironment\(\s*(?:name\s*=\s*)?)(["'])([^"'\n]+)\2""")
"""Where an author's code names an environment."""
SIGNS = {"create": "+", "update": "~", "remote-only": "?"}


class What(StrEnum):
    """What to bring in line."""

    TASKS = "tasks"
    ENV = "env"


def sync(
    what: Annotated[What, typer.Argument(help="tasks, or env.")] = What.TASKS,
    name: Annotated[
        str | None, typer.Argument(help="The taskset or environment; else the one used last.")
    ] = None,
    source: Annotated[
        str | None, typer.Argument(help="File or folder with the tasks; DIR of the environment.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--task", help="Only this slug; may be repeated.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Not this slug; may be repeated.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write the controller's tasks to FILE (.json, .csv).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, no more.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="New versions of unchanged tasks, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> int:
    """Upload tasks to a taskset of the controller, which makes the taskset where it is missing.

    Tasks are matched by slug; nothing is ever deleted. `hud sync env NAME [DIR]` ties a folder to
    an environment of the controller, and names its code alike.
    """
    if what is What.ENV:
        return _sync_environment(name, Path(source or "."), yes)
    chosen = name or linked(Path(), "taskset")
    if chosen is None:
        raise UserError("which taskset?", hint="hud sync tasks NAME; later the name is known")
    with Client() as client:
        if export is not None:
            return _export(client, chosen, export)
        path = find_source(source or _usual())
        tasks, left_out = _selected(_local(path), only or [], exclude or [])
        keep = list(NO_ROOM) if path.suffix == ".csv" else []
        upload = TaskUpload(tasks=tasks, dry_run=True, force=force, keep=keep)
        plan = _without(client.upload(chosen, upload), left_out, bool(only))
        _show(plan)
        changing = [task for task in plan.tasks if _changes(task, force)]
        if changing and not dry_run:
            verb = "update" if plan.exists else "make"
            count = f"{len(changing)} task{'s'[: len(changing) != 1]}"
            if not agreed(f"{verb} taskset {chosen} ({count})?", yes=yes):
                return 1
            client.upload(chosen, upload.model_copy(update={"dry_run": False}))
            console.note(f"✓ {chosen}: {count} uploaded")
    if not dry_run:
        link_to(Path(), taskset=chosen)
    return 0


def _usual() -> str:
    """Where tasks are if nobody says where."""
    return next((name for name in SOURCES if Path(name).exists()), ".")


def _local(path: Path) -> list[dict[str, Any]]:
    """The source's tasks in their JSON format."""
    tasks: list[dict[str, Any]] = load_tasks(path, raw=True)
    if not tasks:
        raise UserError(f"`{path.name}` holds no tasks")
    return tasks


def _selected(
    tasks: list[dict[str, Any]], only: list[str], exclude: list[str]
) -> tuple[list[dict[str, Any]], set[str]]:
    """The tasks that are asked for, and the slugs of those that are not."""
    slugs = [str(task.get("slug") or "").strip() for task in tasks]
    for slug in (*only, *exclude):
        if slug not in slugs:
            raise UserError(f"there is no task `{slug}`", hint=did_you_mean(slug, slugs))
    chosen = [slug for slug in slugs if (not only or slug in only) and slug not in exclude]
    if not chosen:
        raise UserError("no task is left to sync")
    kept = [task for task, slug in zip(tasks, slugs, strict=True) if slug in chosen]
    return kept, set(slugs) - set(chosen)


def _without(plan: SyncPlan, left_out: set[str], only_some: bool) -> SyncPlan:
    """The plan, silent about tasks that are here and were left out."""
    told = []
    for task in plan.tasks:
        if task.change == "remote-only" and (only_some or task.slug in left_out):
            continue
        is_here = task.renamed_from in left_out
        told.append(task.model_copy(update={"renamed_from": None}) if is_here else task)
    return plan.model_copy(update={"tasks": told})


def _changes(task: PlannedTask, force: bool) -> bool:
    return task.change in ("create", "update") or (force and task.change == "unchanged")


def _show(plan: SyncPlan) -> None:
    for task in plan.tasks:
        if task.change in SIGNS:
            console.plain(f"{SIGNS[task.change]} {task.slug}{_remark(task)}")
    count = {change: 0 for change in ("create", "update", "unchanged", "remote-only")}
    for task in plan.tasks:
        count[task.change] += 1
    whole = ", ".join(f"{number} {change}" for change, number in count.items() if number)
    console.plain(f"{plan.taskset}{'' if plan.exists else ' (new)'}: {whole}")
    for task in plan.tasks:
        if task.renamed_from:
            console.note(
                f"`{task.slug}` is `{task.renamed_from}` under another slug: "
                f"results stay with `{task.renamed_from}`"
            )


def _remark(task: PlannedTask) -> str:
    if task.change == "remote-only":
        return "  only at the controller; it stays"
    return f"  {', '.join(task.fields)}" if task.fields else ""


def _export(client: Client, name: str, path: Path) -> int:
    if path.suffix not in EXPORTS:
        raise UserError(f"`{path}` is neither a .json nor a .csv file")
    text = client.export_tasks(name, "csv" if path.suffix == ".csv" else "json")
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as exc:
        raise UserError(f"`{path}` cannot be written: {exc.strerror}") from exc
    console.note(f"✓ wrote {path}")
    return 0


def _sync_environment(name: str | None, folder: Path, yes: bool) -> int:
    """Tie a folder to an environment of the controller."""
    if not folder.is_dir():
        raise UserError(f"`{folder}` is not a folder")
    chosen = name or linked(folder, "environment")
    if chosen is None:
        raise UserError("which environment?", hint="hud sync env NAME; later the name is known")
    with Client() as client:
        try:
            found = client.resolve(chosen)
        except Refused as exc:
            hint = exc.hint or f"hud deploy {folder} --name {chosen}"
            raise UserError(exc.message, hint=hint) from exc
    _rename(folder, found.environment or found.name, yes)
    link_to(folder, environment=found.name)
    console.note(f"✓ {folder} is environment `{found.name}`")
    return 0


def _rename(folder: Path, name: str, yes: bool) -> None:
    """Have the folder's code call its environment by the name that it has at the controller."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}
    others = _names(sources.values()) - {name}
    if not others:
        return
    old = ", ".join(f"`{other}`" for other in sorted(others))
    if len(others) > 1:
        raise UserError(
            f"the code in {folder} names several environments: {old}",
            hint=f"name the one that is to be `{name}` by hand",
        )
    if not agreed(f"rename {old} to `{name}` in {folder}/*.py?", yes=yes):
        return
    for path, text in sources.items():
        renamed = NAMED.sub(lambda found: f"{found[1]}{found[2]}{name}{found[2]}", text)
        if renamed != text:
            path.write_text(renamed, encoding="utf-8")
            console.note(f"✓ {path.name}: `{name}`")


def _names(texts: Iterable[str]) -> set[str]:
    return {found[3] for text in texts for found in NAMED.finditer(text)}

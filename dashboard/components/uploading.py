"""An upload of tasks: first what it would change, then the change."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components.frame import header, show_error
from dashboard.components.places import going, stay
from dashboard.components.plain import cleaned
from dashboard.components.tables import page_of, pager, rows_table, text_column
from dashboard.components.wording import counted
from hud.errors import HudError, UserError
from hud.wire.tasksets import Change, SyncPlan, TaskUpload

PAGE = 20
WORDS: dict[Change, str] = {
    "create": "new",
    "update": "changes",
    "unchanged": "stays",
    "remote-only": "only here, stays",
}


def show(taskset: str | None) -> None:
    """Choose a file and a taskset, look at the plan, apply it."""
    header("Upload tasks", f"into {taskset}" if taskset else "into a new taskset, or one there is")
    st.button(
        "Back", icon=":material/arrow_back:", type="tertiary", on_click=going(taskset=taskset)
    )
    name = taskset or st.text_input(
        "Taskset", key="upload-name", placeholder="my-taskset", width=360
    )
    file = st.file_uploader("JSON or CSV", ["json", "csv"], key="upload-file")
    with st.expander("What the files look like"):
        st.caption("JSON: a list of tasks, or one task a line, as Export writes them.")
        st.code('[{"slug": "a", "scenario": "count", "args": {"word": "banana"}}]', "json")
        st.caption("CSV: one task a row; `arg:` and `col:` name arguments and columns.")
        st.code(
            "slug,scenario,env,arg:word,col:category\na,count,letter-counter,banana,short", None
        )
    if not name or file is None:
        return
    try:
        plan = _send(name, file.name, file.getvalue(), dry_run=True)
    except HudError as exc:
        show_error(exc)
        return
    _show_plan(plan)
    changed = sum(task.change in ("create", "update") for task in plan.tasks)
    st.button(
        f"Apply: {counted(changed, 'task')}" if changed else "Nothing to change",
        type="primary", key="apply", disabled=not changed, icon=":material/check:",
        on_click=_apply, args=(name, file.name, file.getvalue()),
    )  # fmt: skip


def _apply(name: str, file: str, content: bytes) -> None:
    _send(name, file, content, dry_run=False)
    data.forget()
    stay(taskset=name)


def _send(name: str, file: str, content: bytes, *, dry_run: bool) -> SyncPlan:
    text = content.decode("utf-8-sig", errors="replace")
    if file.lower().endswith(".csv"):
        return data.client().import_tasks(name, text, dry_run=dry_run)
    return data.client().upload(name, TaskUpload(tasks=read_tasks(text), dry_run=dry_run))


def read_tasks(text: str) -> list[dict[str, Any]]:
    """Tasks of a JSON file: a list, an object with `tasks`, or one task a line.

    Raises:
        UserError: it is no JSON, or holds no tasks.
    """
    try:
        found = json.loads(text)
    except ValueError as exc:
        found = _lines(text, exc)
    if isinstance(found, dict):
        found = found.get("tasks") or [found]
    if not isinstance(found, list) or not all(isinstance(task, dict) for task in found):
        raise UserError("the file holds no list of tasks", hint="see below what files look like")
    return found


def _lines(text: str, whole: ValueError) -> list[Any]:
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        return [json.loads(line) for line in lines]
    except ValueError:
        raise UserError(f"the file is no JSON: {whole}") from None


def _show_plan(plan: SyncPlan) -> None:
    counts = Counter(task.change for task in plan.tasks)
    parts = [f"{counts[change]:,} {word}" for change, word in WORDS.items() if counts[change]]
    where = "The taskset is there already" if plan.exists else "The taskset will be new"
    st.markdown(f"**{where}: {', '.join(parts) or 'no tasks'}**")
    order = list(WORDS)
    tasks = sorted(plan.tasks, key=lambda task: order.index(task.change))
    offset = page_of(len(tasks), PAGE, "planned")
    rows_table(
        [
            {
                "slug": cleaned(task.slug),
                "change": WORDS[task.change],
                "fields": cleaned(", ".join(task.fields)),
                "was": cleaned(task.renamed_from or ""),
            }
            for task in tasks[offset : offset + PAGE]
        ],
        "plan",
        {
            "slug": text_column("Slug"),
            "change": text_column("What happens", width="small"),
            "fields": text_column("What differs"),
            "was": text_column("Same as"),
        },
    )
    pager(len(tasks), PAGE, "planned", "tasks")

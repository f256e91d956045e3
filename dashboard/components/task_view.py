"""One task: what it asks, how it went, what it was before, and how it is solved."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components import job_runs
from dashboard.components.charts import histogram
from dashboard.components.content import show_text, show_value
from dashboard.components.figures import arguments, mean, pretty
from dashboard.components.frame import header, show_error
from dashboard.components.places import going, stay
from dashboard.components.plain import cleaned, escaped
from dashboard.components.wording import ago, counted
from hud.errors import HudError, UserError
from hud.wire.tasksets import TaskRecord

VIEWS = ("Task", "Traces", "Versions", "Edit")
SHOWN = ("scenario", "env", "args", "columns", "validation", "agent_config", "metadata")


def show(taskset: str, slug: str) -> None:
    """The task that the address names."""
    task = data.task(taskset, slug)
    header(slug, f"{taskset} · version {task.version} · changed {ago(task.updated_at)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        back = going(taskset=taskset)
        st.button(
            escaped(taskset, 60), icon=":material/arrow_back:", type="tertiary", on_click=back
        )
    chosen = st.segmented_control(
        "View", VIEWS, default=VIEWS[0], key="part", bind="query-params", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    match chosen:
        case "Traces":
            job_runs.table({"taskset": taskset, "task": slug})
        case "Versions":
            _versions(data.task_versions(taskset, slug))
        case "Edit":
            _edit(taskset, task)
        case _:
            _task(task)


def _task(task: TaskRecord) -> None:
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.caption("Plays the scenario")
        st.code(cleaned(f"{task.scenario}({arguments(task.args)})"), "python", wrap_lines=True)
        if task.env:
            st.caption(f"of the environment **{escaped(task.env)}**")
        if task.columns:
            st.caption("Columns")
            show_value(task.columns)
        _validation(task.validation)
        for name, value in (("Agent's options", task.agent_config), ("Metadata", task.metadata)):
            if value:
                st.caption(name)
                show_value(value)
    with right, st.container(border=True):
        st.metric("Mean reward", mean(task.mean))
        st.caption(f"over {counted(task.runs, 'run')}")
        if task.runs:
            st.altair_chart(histogram(task.histogram), width="stretch")


def _validation(calls: Sequence[dict[str, Any]] | None) -> None:
    st.caption("How it is solved; the oracle replays these calls")
    if not calls:
        st.caption("Nothing is known: the oracle cannot run this task.")
        return
    lines = [f"{call.get('name')}({arguments(call.get('arguments'))})" for call in calls]
    st.code(cleaned("\n".join(lines)), language="python", wrap_lines=True)


def _versions(versions: Sequence[TaskRecord]) -> None:
    if len(versions) < 2:
        st.caption("This is the only version. An edit, or an upload that changes it, adds one.")
        return
    by_number = {record.version: record for record in versions}
    numbers = list(by_number)
    with st.container(horizontal=True):
        older = st.selectbox("From version", numbers, index=1, key="older", width=160)
        newer = st.selectbox("to version", numbers, index=0, key="newer", width=160)
    changes = difference(by_number[older], by_number[newer])
    if changes:
        show_text(changes, 60, "diff")
    else:
        st.caption("There is no difference.")


def difference(older: TaskRecord, newer: TaskRecord) -> str:
    """What changed from one version to another, as a unified diff; empty if nothing did."""
    before, after = (pretty(_fields(record)).splitlines() for record in (older, newer))
    names = (f"version {older.version}", f"version {newer.version}")
    return "\n".join(difflib.unified_diff(before, after, *names, lineterm="", n=4))


def _fields(task: TaskRecord) -> dict[str, Any]:
    fields = {name: getattr(task, name) for name in SHOWN} | {"validation": _calls(task)}
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}


def _calls(task: TaskRecord) -> list[dict[str, Any]] | None:
    """The calls that solve a task, without the numbers that tell them apart."""
    if task.validation is None:
        return None
    return [{name: call[name] for name in call if name != "id"} for call in task.validation]


def _edit(taskset: str, task: TaskRecord) -> None:
    fields = {name: getattr(task, name) for name in SHOWN if name != "env"}
    fields["validation"] = _calls(task)
    with st.form("edit", border=True):
        st.caption("Saving makes a new version; traces of the ones before stay as they are.")
        text = st.text_area(
            "Task", pretty(fields), height=420, key="edited", label_visibility="collapsed"
        )
        is_saved = st.form_submit_button("Save", type="primary", icon=":material/save:")
    if is_saved:
        try:
            saved = data.client().edit_task(taskset, task.slug, _changes(text, fields))
        except HudError as exc:
            show_error(exc)
            return
        data.forget()
        st.toast(f"Saved as version {saved.version}", icon=":material/check:")
        st.rerun()
    with st.popover("Remove", icon=":material/delete:", type="tertiary"):
        st.caption("Removes the task with its versions. Its traces stay with their jobs.")
        st.button("Remove it", key="remove", on_click=_remove, args=(taskset, task.slug))


def _changes(text: str, before: dict[str, Any]) -> dict[str, Any]:
    try:
        edited = json.loads(text)
    except ValueError as exc:
        raise UserError(f"this is no JSON: {exc}") from None
    if not isinstance(edited, dict):
        raise UserError("a task is a JSON object", hint="keep the outer braces")
    gone = {name: None for name in before if name not in edited and before[name] is not None}
    changed = {n: v for n, v in edited.items() if n not in before or before[n] != v}
    return changed | gone


def _remove(taskset: str, slug: str) -> None:
    data.client().remove_task(taskset, slug)
    data.forget()
    stay(taskset=taskset)

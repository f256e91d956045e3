"""Tasksets: the list, one with its tasks, one task, uploads, and the form that runs one."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components import run_form, task_view, uploading
from dashboard.components.columns import column_cells, column_configs, column_filters, ranged
from dashboard.components.figures import arguments
from dashboard.components.frame import header
from dashboard.components.places import go, going, param
from dashboard.components.plain import cleaned, escaped
from dashboard.components.tables import (
    count_column,
    mean_column,
    page_of,
    pager,
    rows_table,
    text_column,
    when_column,
)
from dashboard.components.wording import ago, counted
from hud.wire.tasksets import TaskRecord, TasksetRecord

PAGE = 25
KNOWN = 200
"""Tasks whose values the filters suggest."""
SORTS = {
    "position": "Order of upload",
    "slug": "Slug",
    "mean": "Lowest mean",
    "-mean": "Highest mean",
    "-runs": "Most runs",
    "-updated_at": "Last changed",
}


def show_list() -> None:
    """All tasksets."""
    header("Tasksets", "Tasks that are run together")
    with st.container(horizontal=True):
        st.button(
            "Upload", icon=":material/upload:", on_click=going(upload="new"), key="upload-new"
        )
        st.button(
            "Run an environment's own tasks", icon=":material/play_arrow:", key="run-any",
            on_click=going(run=""), type="tertiary",
        )  # fmt: skip
    found = data.tasksets()
    if not found:
        _nothing()
        return
    chosen = rows_table(
        [
            {
                "name": cleaned(record.name),
                "tasks": record.tasks,
                "columns": cleaned(", ".join(record.columns)),
                "at": record.updated_at,
            }
            for record in found
        ],
        "tasksets",
        {
            "name": text_column("Taskset", width="medium"),
            "tasks": count_column("Tasks"),
            "at": when_column("Changed"),
            "columns": text_column("Columns", width="large"),
        },
        can_open=True,
    )
    if chosen is not None:
        go("tasksets", taskset=found[chosen].name)


def _nothing() -> None:
    with st.container(border=True):
        st.markdown("**No taskset yet**")
        st.caption("A taskset keeps tasks with their versions and results. From a terminal:")
        st.code("hud sync tasks my-taskset tasks.py", language="bash")
        st.caption("or upload a JSON or CSV file here.")


def show_taskset(name: str) -> None:
    """One taskset with a page of its tasks."""
    record = data.taskset(name)
    about = f"{counted(record.tasks, 'task')} · changed {ago(record.updated_at)}"
    header(name, about)
    _actions(record)
    if not record.tasks:
        with st.container(border=True):
            st.markdown("**No task yet**")
            st.caption("Upload a JSON or CSV file, or from a terminal:")
            st.code(f"hud sync tasks {cleaned(name)} tasks.py", language="bash")
        return
    _tasks(record)


def _actions(record: TasksetRecord) -> None:
    name = record.name
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("All tasksets", icon=":material/arrow_back:", type="tertiary", on_click=going())
        st.space("stretch")
        if st.button("Jobs", icon=":material/history:", key="jobs"):
            go("jobs", of=name)
        with st.popover("Export", icon=":material/download:"):
            for kind, label in (("csv", "CSV"), ("json", "JSON")):
                st.download_button(
                    label, partial(_export, name, kind), f"{name}.{kind}", on_click="ignore",
                    type="tertiary",
                )  # fmt: skip
        upload = going(taskset=name, upload="more")
        st.button("Upload", icon=":material/upload:", key="upload-more", on_click=upload)
        st.button(
            "Run", icon=":material/play_arrow:", type="primary", key="run-this",
            on_click=going(run=name), disabled=not record.tasks,
        )  # fmt: skip


def _export(name: str, kind: Any) -> bytes:
    return data.client().export_tasks(name, kind).encode()


def _tasks(record: TasksetRecord) -> None:
    filters, columns = _filters(record)
    total = data.task_page(record.name, columns, **filters, limit=1).total
    offset = page_of(total, PAGE, "page")
    page = data.task_page(record.name, columns, **filters, offset=offset, limit=PAGE)
    if not page.total:
        st.caption("No task fits these filters.")
        return
    chosen = rows_table(
        [_row(record, task) for task in page.items],
        "tasks",
        {
            "slug": text_column("Slug", pinned=True, width="medium"),
            "mean": mean_column(),
            "rewards": st.column_config.BarChartColumn(
                "Rewards", width="small", y_min=0, help="How many rewards fell into each tenth"
            ),
            "runs": count_column("Runs"),
            "scenario": text_column("Scenario"),
            "args": text_column("Arguments", width="medium"),
            **column_configs(record.columns),
        },
        can_open=True,
    )
    pager(page.total, PAGE, "page", "tasks")
    if chosen is not None:
        go("tasksets", taskset=record.name, task=page.items[chosen].slug)


def _row(record: TasksetRecord, task: TaskRecord) -> dict[str, Any]:
    return {
        "slug": cleaned(task.slug),
        "mean": task.mean,
        "rewards": task.histogram if task.runs else None,
        "runs": task.runs,
        "scenario": cleaned(task.scenario),
        "args": cleaned(arguments(task.args))[:300],
        **column_cells(record.columns, task.columns),
    }


def _filters(record: TasksetRecord) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    known = data.task_page(record.name, limit=KNOWN, sort="position").items
    scenarios = sorted({task.scenario for task in known})
    quiet: dict[str, Any] = {"bind": "query-params", "label_visibility": "collapsed"}
    with st.container(horizontal=True, vertical_alignment="center"):
        search = st.text_input(
            "Search", key="search", width=260, icon=":material/search:",
            placeholder="Part of a slug", **quiet,
        )  # fmt: skip
        scenario = None
        if len(scenarios) > 1:
            scenario = st.selectbox(
                "Scenario", scenarios, index=None, key="scenario", width=200,
                placeholder="Any scenario", format_func=cleaned, **quiet,
            )  # fmt: skip
        sort = st.selectbox(
            "Order", list(SORTS), format_func=SORTS.__getitem__, key="sort", width=180, **quiet
        )
        chosen: tuple[tuple[str, str], ...] = ()
        if record.columns:
            with st.popover("Columns", icon=":material/filter_list:"):
                chosen = column_filters(record.columns, (t.columns for t in known), "column")
        for name, value in chosen:
            st.badge(f"{escaped(name, 30)} {escaped(ranged(value), 40)}", color="gray")
    given = {"search": search, "scenario": scenario, "sort": sort}
    return {key: value for key, value in given.items() if value}, chosen


taskset, task, run, upload = (
    param("taskset"),
    param("task"),
    st.query_params.get("run"),
    param("upload"),
)
if run is not None:
    run_form.show(run or None)
elif upload is not None:
    uploading.show(taskset)
elif taskset is None:
    show_list()
elif task is None:
    show_taskset(taskset)
else:
    task_view.show(taskset, task)

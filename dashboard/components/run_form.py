"""The form that starts a job: which tasks, who plays them, how often, within which limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components.frame import header, show_error
from dashboard.components.places import go, going
from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import badge, served
from dashboard.components.wording import counted
from hud.errors import HudError
from hud.wire import JobRequest, Variant

ALONE = {
    "oracle": "oracle · replays the solution, no model",
    "nop": "nop · does nothing, no model",
}
FAMILIES = {"anthropic": "claude", "openai": "openai", "gemini": "gemini"}
"""The agent that plays a provider's models."""
KNOWN = 200
"""Tasks that can be chosen one by one."""
WHICH = ("All tasks", "The first", "Some")


def show(source: str | None) -> None:
    """The form, with that taskset or environment chosen."""
    header("Run tasks", "Every task is played by every agent, as often as you say")
    tasksets = {record.name: record.tasks for record in data.tasksets() if record.tasks}
    environments = {record.name: record for record in data.environments()}
    sources = list(dict.fromkeys([*tasksets, *environments]))
    back = going(taskset=source) if source in tasksets else going()
    st.button("Back", icon=":material/arrow_back:", type="tertiary", on_click=back)
    if not sources:
        st.caption("There is nothing to run: neither a taskset with tasks nor an environment.")
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        request = _fields(sources, source, set(tasksets))
    with right, st.container(border=True):
        _forecast(request, tasksets)
        _environments(request, tasksets, environments)
        is_started = st.button(
            "Start", type="primary", icon=":material/play_arrow:", key="start",
            disabled=not request["agents"], width="stretch",
        )  # fmt: skip
    if is_started:
        _start(request)


def _fields(sources: Sequence[str], source: str | None, tasksets: set[str]) -> dict[str, Any]:
    chosen = st.selectbox(
        "Tasks of", sources, index=sources.index(source) if source in sources else 0,
        key="source", help="A taskset, or an environment with tasks of its own",
        format_func=lambda name: cleaned(name if name in tasksets else f"{name} (environment)"),
    )  # fmt: skip
    tasks = _which(chosen, chosen in tasksets)
    agents = st.multiselect(
        "Agents", _offered(), default=["oracle"], key="agents", accept_new_options=True,
        format_func=lambda name: cleaned(ALONE.get(name, name)),
        help="An agent, a model, or both as agent:model; type what is not in the list",
    )  # fmt: skip
    first, second, third, fourth = st.columns(4)
    whole: dict[str, Any] = {"min_value": 1, "max_value": 1000}
    group = first.number_input("Runs of each", value=1, key="group", **whole)
    steps = second.number_input("Steps at most", value=10, key="steps", **whole)
    at_once = third.number_input("At once", value=30, key="at-once", **whole)
    minutes = fourth.number_input(
        "Minutes each", 0.1, 10_000.0, None, key="minutes", placeholder="any"
    )
    name = st.text_input("Name", key="job-name", placeholder="what lists call it", max_chars=200)
    cache = st.toggle("Answer repeated model requests from the cache", key="cache")
    return {
        "source": chosen,
        **tasks,
        "agents": agents,
        "group_size": int(group),
        "max_steps": int(steps),
        "max_concurrent": int(at_once),
        "timeout": minutes * 60 if minutes else None,
        "name": name.strip() or None,
        "cache": cache,
    }


def _which(source: str, is_taskset: bool) -> dict[str, Any]:
    which = st.segmented_control(
        "Which", WHICH if is_taskset else WHICH[:2], default=WHICH[0], key="which", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    if which != "Some":
        return {"full": which == WHICH[0], "task_ids": None}
    known = [task.slug for task in data.task_page(source, limit=KNOWN).items]
    slugs = st.multiselect(
        "Slugs", known, key="slugs", format_func=cleaned, accept_new_options=True,
        placeholder="Slugs", label_visibility="collapsed",
    )  # fmt: skip
    return {"full": True, "task_ids": slugs or None}


def _offered() -> list[str]:
    models = [
        f"{FAMILIES.get(provider.name, 'openai_compatible')}:{model}"
        for provider in data.models()
        for model in provider.models
    ]
    return [*ALONE, *models]


def variants(agents: Sequence[str]) -> list[Variant]:
    """What `agent`, `model` or `agent:model` means, each under a short name of its own."""
    found = []
    for text in dict.fromkeys(item.strip() for item in agents if item.strip()):
        agent, _, model = text.partition(":")
        found.append(Variant(name=model or agent, agent=agent, model=model or None))
    names = [variant.name for variant in found]
    return [
        variant
        if names.count(variant.name) == 1
        else variant.model_copy(update={"name": f"{variant.agent}:{variant.name}"})
        for variant in found
    ]


def _forecast(request: dict[str, Any], tasksets: dict[str, int]) -> None:
    total = tasksets.get(request["source"])
    if not request["full"]:
        total = 1
    elif request["task_ids"]:
        total = len(request["task_ids"])
    agents = len(variants(request["agents"]))
    runs = f"{counted(agents, 'agent')} × {counted(request['group_size'], 'run')}"
    if total is None:
        st.metric("Rollouts", f"tasks × {agents * request['group_size']:,}")
        st.caption(f"its own tasks × {runs}")
        return
    rollouts = total * agents * request["group_size"]
    st.metric("Rollouts", f"{rollouts:,}")
    st.caption(f"{counted(total, 'task')} × {runs}, at most {request['max_concurrent']:,} at once")


def _environments(
    request: dict[str, Any], tasksets: dict[str, int], environments: dict[str, Any]
) -> None:
    source = request["source"]
    names = [source]
    if source in tasksets:
        found = data.task_page(source, limit=KNOWN).items
        names = list(dict.fromkeys(task.env for task in found if task.env))
    st.caption("Played in")
    for name in names:
        record = environments.get(name)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(cleaned(name))
            if record is None:
                st.badge("not in the workspace", icon=":material/error:", color="red")
            else:
                badge(served(record.state))
        if record is not None and record.missing:
            st.caption(f"lacks {escaped(', '.join(record.missing))}")
    if not names:
        st.caption("The tasks name no environment.")


def _start(request: dict[str, Any]) -> None:
    try:
        wanted = JobRequest(**{**request, "agents": variants(request["agents"])})
        view = data.client().start_job(wanted)
    except HudError as exc:
        show_error(exc)
        return
    data.forget()
    go("jobs", job=view.job.id)

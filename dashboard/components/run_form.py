"""The form that starts a job: its tasks, where, who plays them, how often, within which limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components.frame import header, show_error
from dashboard.components.places import go, going, link
from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import badge, served
from dashboard.components.wording import counted
from hud.errors import HudError
from hud.wire import JobRequest, Variant
from hud.wire.models import AgentOffer
from hud.wire.platform import EnvironmentRecord

DEFAULT = "oracle"
KNOWN = 200
"""Tasks that can be chosen one by one."""
WHICH = ("All tasks", "The first", "Some")
Environments = Mapping[str, EnvironmentRecord]


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
        request = _fields(sources, source, set(tasksets), list(environments))
    with right, st.container(border=True):
        _forecast(request, tasksets)
        _played_in(request, tasksets, environments)
        is_started = st.button(
            "Start", type="primary", icon=":material/play_arrow:", key="start",
            disabled=not request["agents"], width="stretch",
        )  # fmt: skip
    if is_started:
        _start(request)


def _fields(
    sources: Sequence[str], source: str | None, tasksets: set[str], environments: list[str]
) -> dict[str, Any]:
    tasks_place, environment_place = st.columns(2)
    chosen = tasks_place.selectbox(
        "Tasks of", sources, index=sources.index(source) if source in sources else 0,
        key="source", help="A taskset, or an environment with tasks of its own",
        format_func=lambda name: cleaned(name if name in tasksets else f"{name} (environment)"),
    )  # fmt: skip
    with environment_place:
        environment = _environment(environments) if chosen in tasksets else None
    return {
        "source": chosen,
        "environment": environment,
        **_which(chosen, chosen in tasksets),
        "agents": _agents(),
        **_limits(),
    }


def _environment(names: list[str]) -> str | None:
    chosen: str | None = st.selectbox(
        "Environment", names, index=None, key="environment", format_func=cleaned,
        placeholder="the one that each task names",
        help="Plays all tasks in another environment, which has to have their scenarios",
    )  # fmt: skip
    return chosen


def _limits() -> dict[str, Any]:
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


def _agents() -> list[str]:
    offers = data.agents()
    known = {offer.name: offer for offer in offers}
    chosen = st.multiselect(
        "Agents and models", choices(offers), default=[DEFAULT], key="agents",
        accept_new_options=True, format_func=lambda text: _told(text, known),
        help="An agent, a model, or both as agent:model; type what is not in the list",
    )  # fmt: skip
    _lacking(offers)
    return chosen


def _lacking(offers: Sequence[AgentOffer]) -> None:
    """Why the list is shorter than it might be."""
    keys = {item.variable for item in offers if not (item.is_ready or item.needs_model)}
    if names := ", ".join(escaped(name) for name in sorted(filter(None, keys))):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f":material/key_off: No key for more: {names}", width="content")
            link("Settings", "settings")
    for reason in sorted({offer.error for offer in offers if offer.error}):
        st.caption(f":material/info: Models are not listed by {escaped(reason)}")


def choices(offers: Sequence[AgentOffer]) -> list[str]:
    """What can be chosen: agents with a model of their own or none, and `agent:model`."""
    ready = [offer for offer in offers if offer.is_ready]
    alone = [offer.name for offer in ready if not offer.needs_model]
    return [*alone, *(f"{offer.name}:{model}" for offer in ready for model in offer.models)]


def _told(text: str, known: Mapping[str, AgentOffer]) -> str:
    offer = known.get(text)
    return cleaned(f"{text} · {offer.description}" if offer else text)


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


def _forecast(request: dict[str, Any], tasksets: Mapping[str, int]) -> None:
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


def _played_in(
    request: dict[str, Any], tasksets: Mapping[str, int], environments: Environments
) -> None:
    names = [request["environment"] or request["source"]]
    if request["source"] in tasksets and not request["environment"]:
        found = data.task_page(request["source"], limit=KNOWN).items
        names = list(dict.fromkeys(task.env for task in found if task.env))
    st.caption("Played in")
    for name in names:
        _environment_line(name, environments.get(name))
    if not names:
        st.caption("The tasks name no environment: choose one.")


def _environment_line(name: str, record: EnvironmentRecord | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(cleaned(name))
        if record is None:
            st.badge("not in the workspace", icon=":material/error:", color="red")
        else:
            badge(served(record.state))
    if record is not None and record.missing:
        st.caption(f"lacks {escaped(', '.join(record.missing))}")


def _start(request: dict[str, Any]) -> None:
    try:
        wanted = JobRequest(**{**request, "agents": variants(request["agents"])})
        view = data.client().start_job(wanted)
    except HudError as exc:
        show_error(exc)
        return
    data.forget()
    go("jobs", job=view.job.id)

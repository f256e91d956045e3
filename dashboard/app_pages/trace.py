"""One rollout: what happened, step by step, and why it earned what it earned."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components import scoring, steps
from dashboard.components.charts import Span, timeline
from dashboard.components.content import show_text
from dashboard.components.figures import compact, pretty, reward, tokens
from dashboard.components.frame import header
from dashboard.components.places import go, link, number, param, stay
from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import Look, badge, look_of, look_of_reward
from dashboard.components.tables import rows_table, text_column
from dashboard.components.wording import counted, lasting
from hud.types import TraceStep
from hud.wire import JobView, RolloutRecord, Transcript

WINDOW = 20
"""Steps that are shown at once."""
VIEWS = ("Transcript", "Scoring", "Log", "Raw")


def show() -> None:
    """The rollout that the address names."""
    job, rollout = param("job"), param("rollout")
    if job is None or rollout is None:
        header("Trace", "A click on a rollout opens its trace")
        link("Jobs", "jobs", ":material/play_circle:")
        return
    view, found = data.job(job), data.transcript(job, rollout)
    record = found.rollout
    look = _look(record, view)
    about = f"{record.variant} · run {record.index + 1} of {view.job.group} · {view.job.name}"
    header(record.task, about, look)
    step = _selected(found.steps)
    _moves(view, record, step, len(found.steps))
    _cards(record, view)
    _failure(found)
    _timeline(record, found.steps, step)
    _views(found, view.job.pass_threshold, step)


def _look(record: RolloutRecord, view: JobView) -> Look:
    if record.status == "scored":
        return look_of_reward(record.reward, view.job.pass_threshold)
    return look_of(record.status)


def _selected(every: list[TraceStep]) -> int | None:
    step = number("step")
    return step if step is not None and 1 <= step <= len(every) else None


def _moves(view: JobView, record: RolloutRecord, step: int | None, count: int) -> None:
    beside = data.neighbours(record.job_id, record.id)
    to = partial(stay, job=record.job_id)
    here = partial(to, rollout=record.id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        link(escaped(view.job.name, 60), "jobs", ":material/arrow_back:", job=record.job_id)
        if view.taskset:
            link("Task", "tasksets", ":material/checklist:", taskset=view.taskset, task=record.task)
        st.space("stretch")
        st.button(
            "Previous step", icon=":material/keyboard_arrow_up:", shortcut="K", key="step-before",
            on_click=here, kwargs={"step": (step or 2) - 1}, type="tertiary",
            disabled=step is None or step <= 1,
        )  # fmt: skip
        st.button(
            "Next step", icon=":material/keyboard_arrow_down:", shortcut="J", key="step-after",
            on_click=here, kwargs={"step": (step or 0) + 1}, type="tertiary",
            disabled=(step or 0) >= count,
        )  # fmt: skip
        st.button(
            "Previous run", icon=":material/chevron_left:", shortcut="Left", key="previous",
            on_click=to, kwargs={"rollout": beside.previous}, disabled=beside.previous is None,
        )  # fmt: skip
        st.button(
            "Next run", icon=":material/chevron_right:", shortcut="Right", key="next",
            on_click=to, kwargs={"rollout": beside.next}, disabled=beside.next is None,
        )  # fmt: skip


def _cards(record: RolloutRecord, view: JobView) -> None:
    columns = st.columns(4)
    quiet: dict[str, Any] = {
        "border": True,
        "height": "stretch",
        "delta_arrow": "off",
        "delta_color": "off",
    }
    ended = record.stop_reason or record.boundary or record.status
    columns[0].metric("Reward", reward(record.reward), escaped(ended, 40), **quiet)
    agent = record.timing.get("agent")
    spent = f"{lasting(agent)} by the agent" if agent is not None else None
    columns[1].metric("Time", lasting(record.seconds), spent, **quiet)
    calls = counted(record.tool_calls, "tool call")
    columns[2].metric("Model calls", f"{record.model_calls:,}", calls, **quiet)
    used = record.usage
    parts = f"{compact(used.input_tokens)} in, {compact(used.output_tokens)} out"
    columns[3].metric("Tokens", tokens(used), parts if tokens(used) != "–" else None, **quiet)


def _failure(found: Transcript) -> None:
    record = found.rollout
    if record.status != "failed":
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            badge(look_of("failed"), f"failed at {record.boundary}")
            st.caption("It has no reward, and does not count in the mean.")
        st.code(cleaned(record.error or "no reason was given"), language=None, wrap_lines=True)
        if record.hint:
            st.caption(f"→ {escaped(record.hint, 400)}")
        if found.detail:
            with st.expander("What the author's code said"):
                st.code(cleaned(found.detail), language=None, height=320)


def _timeline(record: RolloutRecord, every: list[TraceStep], selected: int | None) -> None:
    if not every:
        return
    spans = [
        Span(
            step=place,
            name=cleaned(step.name)[:80],
            kind=step.kind,
            start=step.started,
            end=step.started + step.seconds,
        )
        for place, step in enumerate(every, start=1)
    ]
    event = st.altair_chart(
        timeline(spans, selected), key=f"timeline-{record.id}-{selected}", width="stretch",
        on_select="rerun", selection_mode="bar",
    )  # fmt: skip
    chosen = (event.get("selection") or {}).get("bar") or []
    if chosen and isinstance(chosen[0].get("step"), int | float):
        go("trace", job=record.job_id, rollout=record.id, step=int(chosen[0]["step"]))


def _views(found: Transcript, threshold: float, step: int | None) -> None:
    chosen = st.segmented_control(
        "View", VIEWS, default=VIEWS[0], key="show", bind="query-params", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    match chosen:
        case "Scoring":
            scoring.show(found, threshold)
        case "Log":
            _log(found)
        case "Raw":
            _raw(found)
        case _:
            _transcript(found, threshold, step)


def _transcript(found: Transcript, threshold: float, selected: int | None) -> None:
    if not found.steps:
        st.caption("Nothing was recorded before it ended.")
        if found.prompt:
            st.text(cleaned(found.prompt), width="stretch")
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _step_list(found, selected)
    with right:
        first = max((selected or 1) - 1, 0)
        last = min(first + WINDOW, len(found.steps))
        if first:
            st.button(
                f"{counted(first, 'step')} before", icon=":material/keyboard_arrow_up:",
                type="tertiary", key="from-start", on_click=stay,
                kwargs={"job": found.rollout.job_id, "rollout": found.rollout.id},
            )  # fmt: skip
        steps.document(found.steps[first:last], first + 1, selected, threshold)
        if last < len(found.steps):
            st.button(
                f"{counted(len(found.steps) - last, 'step')} after", key="further",
                icon=":material/keyboard_arrow_down:", type="tertiary", on_click=stay,
                kwargs={"job": found.rollout.job_id, "rollout": found.rollout.id, "step": last + 1},
            )  # fmt: skip


def _step_list(found: Transcript, selected: int | None) -> None:
    rows = [
        {
            "step": place,
            "what": ("× " if steps.is_failed(step) else "") + cleaned(steps.summary(step))[:120],
            "time": lasting(step.seconds),
        }
        for place, step in enumerate(found.steps, start=1)
    ]
    chosen = rows_table(
        rows,
        f"steps-{found.rollout.id}-{selected}",
        {
            "step": st.column_config.NumberColumn("", width=36),
            "time": text_column("Time", width=62),
            "what": text_column("What", width=400),
        },
        can_open=True,
    )
    if chosen is not None:
        go("trace", job=found.rollout.job_id, rollout=found.rollout.id, step=chosen + 1)


def _log(found: Transcript) -> None:
    if not found.log.strip():
        st.caption("The environment printed nothing.")
        return
    st.caption("What the environment printed; the end of it, where it was long")
    st.code(cleaned(found.log), language=None, height=480)


def _raw(found: Transcript) -> None:
    name = f"{found.rollout.job_id}-{found.rollout.id}.json"
    st.download_button(
        "Everything as JSON", found.model_dump_json(indent=1), name, "application/json",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    parts = {
        "The record": found.rollout.model_dump(mode="json"),
        "The conversation in the provider's format": found.messages,
        "The steps": [step.model_dump(mode="json") for step in found.steps],
        "What the agent noted": found.info,
    }
    for title, value in parts.items():
        if value:
            st.caption(title)
            show_text(pretty(value), 12, "json")


show()

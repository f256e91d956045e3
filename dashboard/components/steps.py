"""The steps of a rollout, as a document that is read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.components.content import show_content, show_text, show_value
from dashboard.components.figures import arguments, reward, tokens
from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import badge, look_of_reward
from dashboard.components.wording import lasting
from hud.types import TraceStep

ICONS = {
    "environment": ":material/deployed_code:",
    "model": ":material/smart_toy:",
    "tool": ":material/build:",
}
WORDS = {"setup": "Prompt", "grade": "Grading"}


def document(
    steps: Sequence[TraceStep], first: int, selected: int | None, threshold: float
) -> None:
    """Steps one below the other; `first` is the number of the first of them, from 1."""
    for number, step in enumerate(steps, start=first):
        with st.container(border=number == selected, gap="small"):
            _title(number, step)
            _body(step, threshold)


def summary(step: TraceStep) -> str:
    """What a step did, in a few words."""
    if step.kind == "tool":
        return f"{step.name}({arguments(step.request)})"
    if step.kind == "environment":
        return WORDS.get(step.name, step.name)
    said = _said(step.result)
    calls = [str(call.get("name")) for call in _calls(step.result)]
    return said or (f"calls {', '.join(calls)}" if calls else step.name)


def is_failed(step: TraceStep) -> bool:
    """Whether a step ended with an error, its own or the tool's."""
    result = step.result
    is_error = isinstance(result, Mapping) and bool(result.get("isError") or result.get("is_error"))
    return step.error is not None or is_error


def _title(number: int, step: TraceStep) -> None:
    name = WORDS.get(step.name, step.name) if step.kind == "environment" else step.name
    parts = [lasting(step.seconds)]
    if step.usage and tokens(step.usage) != "–":
        parts.append(f"{tokens(step.usage)} tokens")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{ICONS[step.kind]} **{escaped(name, 80)}**", width="content")
        if is_failed(step):
            st.badge("error", icon=":material/error:", color="red")
        st.space("stretch")
        st.caption(f"step {number} · {' · '.join(parts)}", width="content")


def _body(step: TraceStep, threshold: float) -> None:
    if step.kind == "tool":
        st.code(cleaned(f"{step.name}({arguments(step.request)})"), "python", wrap_lines=True)
        _result(step.result)
    elif step.kind == "model":
        _model(step)
    elif step.name == "grade":
        _grade(step, threshold)
    elif isinstance(step.result, str):
        _paragraph(step.result)
    else:
        _result(step.result)
    if step.error and step.error not in _texts(step.result):
        st.code(cleaned(step.error), language=None, wrap_lines=True)


def _model(step: TraceStep) -> None:
    if not isinstance(step.result, Mapping):
        _result(step.result)
        return
    if reasoning := str(step.result.get("reasoning") or ""):
        with st.container(horizontal=True, gap="small"):
            st.caption(":material/psychology: thinks", width="content")
            st.text(cleaned(reasoning), width="stretch")
    if said := _said(step.result):
        _paragraph(said)
    if calls := _calls(step.result):
        names = ", ".join(escaped(call.get("name"), 60) for call in calls)
        st.caption(f":material/arrow_forward: calls {names}")


def _grade(step: TraceStep, threshold: float) -> None:
    value = step.result.get("reward") if isinstance(step.result, Mapping) else None
    if isinstance(value, int | float):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("reward", width="content")
            badge(look_of_reward(value, threshold), reward(value))
    elif step.result is not None:
        _result(step.result)


def _result(result: Any) -> None:
    if result is None:
        return
    if isinstance(result, str):
        show_text(result)
    elif isinstance(result, Mapping) and isinstance(result.get("content"), list):
        blocks = [block for block in result["content"] if isinstance(block, Mapping)]
        show_content(blocks)
    else:
        show_value(result)


def _texts(result: Any) -> list[str]:
    """The texts of a tool's answer."""
    content = result.get("content") if isinstance(result, Mapping) else None
    blocks = content if isinstance(content, list) else []
    return [str(block.get("text")) for block in blocks if isinstance(block, Mapping)]


def _paragraph(text: str) -> None:
    if text.count("\n") > 12 or len(text) > 4000:
        show_text(text)
    else:
        st.text(cleaned(text), width="stretch")


def _said(result: Any) -> str:
    if isinstance(result, Mapping):
        return str(result.get("content") or "").strip()
    return str(result or "").strip()


def _calls(result: Any) -> list[Mapping[str, Any]]:
    found = result.get("tool_calls") if isinstance(result, Mapping) else None
    return [call for call in found or [] if isinstance(call, Mapping)]

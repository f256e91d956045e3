"""An environment's tools: what they take, and a form that calls one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components.content import show_content, show_value
from dashboard.components.frame import heading, live, show_error
from dashboard.components.plain import cleaned, escaped
from dashboard.components.schema_form import arguments_of, fields_of, show_fields
from dashboard.components.status import FAILED, PASSED, badge
from dashboard.components.wording import counted, lasting
from hud.errors import HudError
from hud.wire.platform import Offer, ToolAnswer


@live(None)
def show_tools(name: str, offer: Offer) -> None:
    """Choose a tool, fill in its arguments, call it, see the answer."""
    tools = {str(tool.get("name")): tool for tool in offer.tools}
    if not tools:
        with st.container(border=True):
            st.caption("It offers no tool yet. A function becomes one with a decorator:")
            st.code("@env.tool()\ndef count_letter(text: str, letter: str) -> int: ...")
        return
    left, right = st.columns([2, 3])
    with left, st.container(border=True):
        heading("Call a tool", counted(len(tools), "tool"))
        chosen = st.selectbox("Tool", list(tools), format_func=cleaned, key="tool")
        _form(name, tools[str(chosen)])
    with right, st.container(border=True, height="stretch"):
        _answer(f"{name}/{chosen}")


def _form(name: str, tool: dict[str, Any]) -> None:
    own = str(tool["name"])
    schema = tool.get("inputSchema") or {}
    if about := tool.get("description"):
        st.caption(escaped(about, 600))
    fields = fields_of(schema)
    with st.form(f"call-{own}", border=False, enter_to_submit=True):
        given = show_fields(fields, f"call-{name}-{own}")
        if st.form_submit_button("Call", type="primary", icon=":material/play_arrow:"):
            try:
                answer: ToolAnswer | HudError = data.client().call_tool(
                    name, own, arguments_of(fields, given)
                )
            except HudError as exc:
                answer = exc
            st.session_state["tool-answer"] = (f"{name}/{own}", answer)
    with st.expander("Schema"):
        show_value(schema, lines=60)
        if tool.get("outputSchema"):
            st.caption("It answers")
            show_value(tool["outputSchema"], lines=60)


def _answer(tool: str) -> None:
    of, answer = st.session_state.get("tool-answer", (None, None))
    if of != tool or answer is None:
        heading("Answer")
        st.caption("What the tool answers is shown here, as an agent gets it")
        return
    if isinstance(answer, HudError):
        heading("Answer")
        show_error(answer)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        heading("Answer", lasting(answer.seconds))
        badge(
            FAILED._replace(word="error") if answer.is_error else PASSED._replace(word="answered")
        )
    show_content(answer.content, lines=24)
    if answer.structured is not None:
        st.caption("Structured")
        show_value(answer.structured, lines=24)

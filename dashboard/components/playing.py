"""Playing a scenario by hand: arguments, prompt, answer, reward."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import data
from dashboard.components.content import show_text, show_value
from dashboard.components.frame import heading, live, show_error
from dashboard.components.plain import cleaned, escaped
from dashboard.components.schema_form import Field, arguments_of, fields_of, show_fields
from dashboard.components.status import badge, look_of_reward
from dashboard.components.wording import counted
from hud.errors import HudError
from hud.wire.platform import Offer, ScenarioPrompt


@live(None)
def show_scenarios(name: str, offer: Offer) -> None:
    """Choose a scenario, start it, answer its prompt, see the reward."""
    scenarios = {str(item.get("name")): item for item in offer.scenarios}
    if not scenarios:
        with st.container(border=True):
            st.caption("It has no scenario yet. A generator that asks and grades becomes one:")
            st.code(
                '@env.scenario("count")\nasync def count(word: str):\n    answer = yield "…"\n'
                "    yield 1.0 if answer else 0.0"
            )
        return
    left, right = st.columns([2, 3])
    with left, st.container(border=True):
        heading("Start a scenario", counted(len(scenarios), "scenario"))
        chosen = str(st.selectbox("Scenario", list(scenarios), format_func=cleaned, key="scenario"))
        _form(name, scenarios[chosen])
    with right, st.container(border=True, height="stretch"):
        _play(name, chosen)


def _form(name: str, scenario: dict[str, Any]) -> None:
    own = str(scenario["name"])
    if about := scenario.get("description"):
        st.caption(escaped(about, 600))
    fields = _fields(scenario)
    with st.form(f"play-{own}", border=False):
        given = show_fields(fields, f"play-{name}-{own}")
        if st.form_submit_button("Start", type="primary", icon=":material/play_arrow:"):
            _state(name, own).clear()
            try:
                prompt = data.client().set_up(name, own, arguments_of(fields, given))
            except HudError as exc:
                _state(name, own)["error"] = exc
            else:
                _state(name, own)["prompt"] = prompt


def _fields(scenario: dict[str, Any]) -> list[Field]:
    arguments = scenario.get("arguments") or []
    properties = {
        str(item["name"]): {
            "description": item.get("description"),
            **(item.get("inputSchema") or {"type": "string"}),
        }
        for item in arguments
    }
    required = [str(item["name"]) for item in arguments if item.get("required")]
    return fields_of({"properties": properties, "required": required})


def _play(name: str, scenario: str) -> None:
    state = _state(name, scenario)
    heading("Prompt")
    prompt: ScenarioPrompt | None = state.get("prompt")
    if prompt is None:
        if error := state.get("error"):
            show_error(error)
        else:
            st.caption("What the scenario asks is shown here, then you answer in the agent's place")
        return
    show_text(prompt.prompt, lines=30)
    place = st.empty()
    if "graded" not in state:
        with place.container():
            _ask(name, scenario, prompt)
    if "graded" in state:
        with place.container():
            _reward(state["graded"])


def _ask(name: str, scenario: str, prompt: ScenarioPrompt) -> None:
    st.caption("Tools that are called now work in this scenario's session.")
    with st.form(f"answer-{scenario}", border=False):
        answer = st.text_area("Answer", key=f"answer-{name}-{scenario}", height=100)
        if not st.form_submit_button("Grade", type="primary", icon=":material/check:"):
            return
    state = _state(name, scenario)
    try:
        state["graded"] = data.client().grade(name, scenario, prompt.play, answer)
    except HudError as exc:
        show_error(exc)


def _reward(graded: dict[str, Any]) -> None:
    reward = graded.get("reward")
    number = float(reward) if isinstance(reward, int | float) else None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.metric("Reward", "none" if number is None else f"{number:.2f}", width="content")
        badge(look_of_reward(number))
    rest = {key: value for key, value in graded.items() if key not in ("reward", "done") and value}
    if rest:
        show_value(rest, lines=30)


def _state(name: str, scenario: str) -> dict[str, Any]:
    """What was played, by environment and scenario, as long as the browser's session lasts."""
    state: dict[str, Any] = st.session_state.setdefault(f"play/{name}/{scenario}", {})
    return state

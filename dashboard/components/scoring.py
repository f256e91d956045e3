"""How a rollout was graded: the answer, the reward, its parts, and what the grader noted."""

from __future__ import annotations

import streamlit as st

from dashboard.components.content import show_text, show_value
from dashboard.components.figures import one_line, pretty, reward
from dashboard.components.plain import cleaned
from dashboard.components.status import badge, look_of_reward
from dashboard.components.tables import mean_column, rows_table, text_column
from hud.types import EvaluationResult, SubScore
from hud.wire import Transcript


def show(found: Transcript, threshold: float) -> None:
    """The grading of a rollout, or that there was none."""
    record = found.rollout
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Task**")
        if found.prompt:
            show_text(found.prompt)
        if record.args:
            st.caption("Arguments")
            show_value(record.args)
        st.markdown("**Answer**")
        if record.answer is None:
            st.caption("None was given.")
        else:
            given = record.answer
            show_text(given if isinstance(given, str) else pretty(given))
    with right:
        st.markdown("**Reward**")
        if record.reward is None:
            st.caption("It was not graded.")
        else:
            badge(look_of_reward(record.reward, threshold), reward(record.reward))
        if record.evaluation is not None:
            _evaluation(record.evaluation)


def _evaluation(evaluation: EvaluationResult) -> None:
    if evaluation.content:
        st.text(cleaned(evaluation.content), width="stretch")
    if evaluation.subscores:
        _subscores(evaluation.subscores)
    if evaluation.info:
        st.caption("Noted by the grader")
        show_value(evaluation.info)
    if evaluation.model_extra:
        for name, value in evaluation.model_extra.items():
            st.caption("Further fields")
            show_text(f"{name}: {one_line(value)}")


def _subscores(parts: list[SubScore]) -> None:
    failed = any(part.error for part in parts)
    rows_table(
        [
            {
                "name": cleaned(part.name),
                "value": None if part.error else part.value,
                "weight": part.weight,
                "share": None if part.error else round(part.value * part.weight, 4),
                "error": cleaned(part.error or ""),
            }
            for part in parts
        ],
        "subscores",
        {
            "name": text_column("Part"),
            "value": mean_column("Score"),
            "weight": st.column_config.NumberColumn("Weight", format="%.2f", width="small"),
            "share": st.column_config.NumberColumn("Adds", format="%+.2f", width="small"),
        }
        | ({"error": text_column("Could not be graded")} if failed else {}),
    )

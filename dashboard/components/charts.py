"""Charts: what rewards and time look like. Each takes plain rows and gives an Altair chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import altair as alt
import pandas as pd

CELL = 30
"""Width and height of a cell of a matrix, in pixels."""
ROW = 26
REWARD_FILLS = {"passed": "#b7e1c1", "partial": "#f6e7b2", "not passed": "#f4c7c3"}
FAILED_FILL = "#d5d9e0"
CHANGE_FILLS = {"better": "#b7e1c1", "same": "#e4e7ec", "worse": "#f4c7c3"}
INK = "#1f2430"
KIND_COLORS = {"environment": "#0c8599", "model": "#3b5bdb", "tool": "#9c36b5"}
_NO_LIMIT = 0
"""Vega's mark for labels that may be as long as they are."""


class Cell(TypedDict):
    """One run of one task."""

    task: str
    run: str
    """Column label; columns stand in the order in which they first appear."""
    reward: float | None
    status: str
    """`passed`, `partial`, `not passed`, or why there is no reward."""
    label: str


class Mean(TypedDict):
    """A mean with its interval."""

    name: str
    mean: float
    low: float
    high: float
    count: int


class Span(TypedDict):
    """A step on the time axis, in seconds."""

    step: int
    name: str
    kind: str
    start: float
    end: float


def reward_matrix(cells: Sequence[Cell]) -> alt.LayerChart:
    """Task × run; a cell holds its reward, and runs that have not ended leave their place empty."""
    frame = pd.DataFrame(list(cells))
    fills = {**REWARD_FILLS, "failed": FAILED_FILL, "cancelled": FAILED_FILL}
    base = alt.Chart(frame).encode(
        x=alt.X("run:N", sort=None, title=None, axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("task:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
        tooltip=["task", "run", "status", "reward"],
    )
    squares = base.mark_rect(cornerRadius=4, stroke="white", strokeOpacity=0.0).encode(
        color=alt.Color(
            "status:N",
            scale=alt.Scale(domain=list(fills), range=list(fills.values())),
            legend=None,
        )
    )
    numbers = base.mark_text(fontSize=11, color=INK).encode(text="label:N")
    return _bare(
        alt.layer(squares, numbers).properties(width=alt.Step(CELL + 10), height=alt.Step(CELL))
    )


def intervals(means: Sequence[Mean]) -> alt.LayerChart:
    """Means as dots with their 95 % intervals as lines, one row each, in the order given."""
    base = alt.Chart(pd.DataFrame(list(means))).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
        tooltip=["name", "mean", "low", "high", "count"],
    )
    scale = alt.Scale(domain=[0, 1], nice=False)
    lines = base.mark_rule(strokeWidth=2, opacity=0.55).encode(
        x=alt.X("low:Q", scale=scale, title=None, axis=alt.Axis(tickCount=5)), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x=alt.X("mean:Q", scale=scale))
    return _bare(alt.layer(lines, dots).properties(height=alt.Step(ROW)))


def change_matrix(rows: Sequence[dict[str, Any]], labels: Sequence[str]) -> alt.LayerChart:
    """Tasks × entries: means, coloured by what became of them since the first entry.

    Each row has `task`, `entry`, `mean`, and `change`: `better`, `same` or `worse`.
    """
    base = alt.Chart(pd.DataFrame(list(rows))).encode(
        x=alt.X(
            "entry:N", sort=list(labels), title=None, axis=alt.Axis(orient="top", labelAngle=0)
        ),
        y=alt.Y("task:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
        tooltip=["task", "entry", "mean", "change"],
    )
    squares = base.mark_rect(cornerRadius=4).encode(
        color=alt.Color(
            "change:N",
            scale=alt.Scale(domain=list(CHANGE_FILLS), range=list(CHANGE_FILLS.values())),
            legend=None,
        )
    )
    numbers = base.mark_text(fontSize=11, color=INK).encode(text=alt.Text("mean:Q", format=".2f"))
    return _bare(alt.layer(squares, numbers).properties(width=alt.Step(90), height=alt.Step(CELL)))


def timeline(spans: Sequence[Span], selected: int | None = None) -> alt.Chart:
    """One bar a step on one axis of seconds, coloured by kind; the selected one stands out."""
    frame = pd.DataFrame(list(spans))
    opacity: Any = 1.0
    if selected is not None:
        opacity = alt.condition(f"datum.step == {int(selected)}", alt.value(1.0), alt.value(0.45))
    chart = (
        alt.Chart(frame)
        .mark_bar(cornerRadius=2, minBandSize=6)
        .encode(
            x=alt.X("start:Q", title="seconds", axis=alt.Axis(grid=False)),
            x2="end:Q",
            y=alt.Y("kind:N", sort=list(KIND_COLORS), title=None),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=list(KIND_COLORS), range=list(KIND_COLORS.values())),
                legend=None,
            ),
            opacity=opacity,
            tooltip=["step", "name", "kind", "start", "end"],
        )
        .properties(height=alt.Step(20))
    )
    return _bare(chart)


def histogram(counts: Sequence[int]) -> alt.Chart:
    """Rewards by tenth, from 0 to 1."""
    frame = pd.DataFrame(
        [
            {"from": round(number / 10, 1), "to": round((number + 1) / 10, 1), "runs": count}
            for number, count in enumerate(counts)
        ]
    )
    chart = (
        alt.Chart(frame)
        .mark_bar(cornerRadius=2, binSpacing=2)
        .encode(
            x=alt.X("from:Q", bin="binned", title="reward", axis=alt.Axis(tickCount=5)),
            x2="to:Q",
            y=alt.Y("runs:Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=3)),
            tooltip=["from", "to", "runs"],
        )
        .properties(height=140)
    )
    return _bare(chart)


def _bare(chart: Any) -> Any:
    return chart.configure_view(strokeWidth=0).configure_axis(
        domain=False, ticks=False, labelPadding=6
    )

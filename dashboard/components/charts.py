"""Charts: what rewards and time look like. Each takes plain rows and gives an Altair chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

import altair as alt
import pandas as pd

CELL = 30
"""Width and height of a cell of a matrix, in pixels."""
BLOCK = 156
"""Least width of a variant's block, for its name to fit."""
ENTRY = 128
"""Width of an entry's column in a comparison."""
LABEL = 220
"""How wide a row's label may get, in pixels."""
REWARD_FILLS = {"passed": "#b7e1c1", "partial": "#f6e7b2", "not passed": "#f4c7c3"}
FAILED_FILL = "#d5d9e0"
HOLLOW = "#8a93a61f"
QUIET = "#8a93a6"
CHANGE_FILLS = {"better": "#b7e1c1", "same": "#e4e7ec", "worse": "#f4c7c3"}
INK = "#1f2430"
KIND_COLORS = {"environment": "#0c8599", "model": "#3b5bdb", "tool": "#9c36b5"}
GAP = alt.Scale(paddingInner=0.07)
Change = Literal["better", "same", "worse"]


class Cell(TypedDict):
    """One run of one task."""

    task: str
    variant: str
    run: int
    """From 1."""
    reward: float | None
    status: str
    """`passed`, `partial`, `not passed`, or why there is no reward."""
    label: str


class Mean(TypedDict):
    """A mean with its interval."""

    name: str
    series: str
    """Which of several means of that name; empty where there is only one."""
    mean: float
    low: float
    high: float
    count: int


class ChangeCell(TypedDict):
    """One task in one entry of a comparison."""

    task: str
    entry: str
    mean: float | None
    change: str
    """`better`, `same`, `worse`, or `none` where there is nothing to compare."""
    label: str


class Span(TypedDict):
    """A step on the time axis, in seconds."""

    step: int
    name: str
    kind: str
    start: float
    end: float


def reward_matrix(cells: Sequence[Cell], *, can_choose: bool = False) -> alt.FacetChart:
    """Task × run, a block for each variant; a cell holds its reward, and runs that have not ended
    are hollow. With `can_choose`, a click is the selection `cell`, with `task`, `variant`, `run`.
    """
    frame = pd.DataFrame(list(cells))
    fills = {**REWARD_FILLS, "failed": FAILED_FILL, "cancelled": FAILED_FILL, "waiting": HOLLOW}
    base = alt.Chart().encode(
        x=alt.X("run:O", title=None, scale=GAP, axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("task:N", sort=None, title=None, scale=GAP, axis=alt.Axis(labelLimit=LABEL)),
        tooltip=["task", "variant", "run", "status", "reward"],
    )
    squares = base.mark_rect(cornerRadius=4, strokeWidth=2, stroke="transparent").encode(
        color=alt.Color(
            "status:N",
            scale=alt.Scale(domain=list(fills), range=list(fills.values())),
            legend=None,
        )
    )
    if can_choose:
        squares = squares.add_params(
            alt.selection_point(name="cell", fields=["task", "variant", "run"], toggle=False)
        )
    numbers = base.mark_text(fontSize=11, color=INK).encode(text="label:N")
    variants = list(dict.fromkeys(cell["variant"] for cell in cells))
    runs = len({cell["run"] for cell in cells})
    width = max(CELL + 8, BLOCK // runs) if len(variants) > 1 else CELL + 8
    header = alt.Header(
        title=None, labels=len(variants) > 1, labelLimit=runs * width, labelAnchor="start"
    )
    column = alt.Column("variant:N", sort=variants, title=None, header=header)
    layers = alt.layer(squares, numbers).properties(width=alt.Step(width), height=alt.Step(CELL))
    bare: alt.FacetChart = _bare(layers.facet(data=frame, column=column, spacing=14))
    return bare


def intervals(means: Sequence[Mean], rows: Sequence[str] = ()) -> alt.LayerChart:
    """Means as dots with their 95 % intervals as lines, one row each, in the order given; means of
    one name share its row. `rows` are all the names, where some have no mean.
    """
    frame = pd.DataFrame(list(means))
    row_names = list(dict.fromkeys(rows or frame["name"]))
    several = frame["series"].nunique() > 1
    base = alt.Chart(frame).encode(
        y=alt.Y(
            "name:N",
            sort=None,
            title=None,
            scale=alt.Scale(domain=row_names),
            axis=alt.Axis(labelLimit=LABEL),
        ),
        tooltip=["name", "series", *_rounded("mean", "low", "high"), "count"],
    )
    if several:
        names = list(dict.fromkeys(frame["series"]))
        base = base.encode(
            yOffset=alt.YOffset("series:N", sort=names),
            color=alt.Color(
                "series:N", sort=names, title=None,
                legend=alt.Legend(orient="top", columns=2, labelLimit=LABEL),
            ),
        )  # fmt: skip
    low, high = min(0.0, frame["low"].min()), max(1.0, frame["high"].max())
    scale = alt.Scale(domain=[low, high], nice=False)
    look: dict[str, Any] = {} if several else {"color": QUIET}
    lines = base.mark_rule(strokeWidth=2, opacity=0.7, **look).encode(
        x=alt.X("low:Q", scale=scale, title=None, axis=alt.Axis(tickCount=5)), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(x=alt.X("mean:Q", scale=scale))
    height = alt.Step(CELL, **{"for": "position"})
    bare: alt.LayerChart = _bare(alt.layer(lines, dots).properties(height=height))
    return bare


def change_matrix(
    cells: Sequence[ChangeCell], entries: Sequence[str], *, can_choose: bool = False
) -> alt.LayerChart:
    """Tasks × entries: means, coloured by what became of them since the first entry. With
    `can_choose`, a click is the selection `cell`, with `task` and `entry`. Entries may have lines.
    """
    fills = {**CHANGE_FILLS, "none": HOLLOW}
    base = alt.Chart(pd.DataFrame(list(cells))).encode(
        x=alt.X(
            "entry:N",
            sort=list(entries),
            title=None,
            scale=GAP,
            axis=alt.Axis(
                orient="top",
                labelAngle=0,
                labelLimit=ENTRY - 10,
                labelPadding=20 if any("\n" in entry for entry in entries) else 6,
                labelOverlap=False,
                labelExpr="split(datum.label, '\\n')",
            ),
        ),
        y=alt.Y("task:N", sort=None, title=None, scale=GAP, axis=alt.Axis(labelLimit=LABEL)),
        tooltip=["task", "entry", *_rounded("mean"), "change"],
    )
    squares = base.mark_rect(cornerRadius=4, strokeWidth=2, stroke="transparent").encode(
        color=alt.Color(
            "change:N",
            scale=alt.Scale(domain=list(fills), range=list(fills.values())),
            legend=None,
        )
    )
    if can_choose:
        squares = squares.add_params(
            alt.selection_point(name="cell", fields=["task", "entry"], toggle=False)
        )
    numbers = base.mark_text(fontSize=11, color=INK).encode(text="label:N")
    layers = alt.layer(squares, numbers)
    bare: alt.LayerChart = _bare(layers.properties(width=alt.Step(ENTRY), height=alt.Step(CELL)))
    return bare


def timeline(spans: Sequence[Span], selected: int | None = None) -> alt.Chart:
    """One bar a step on one axis of seconds, coloured by kind; the selected one stands out. A click
    is the selection `bar`, with `step`.
    """
    frame = pd.DataFrame(list(spans))
    opacity: Any = alt.value(1.0)
    if selected is not None:
        opacity = alt.condition(f"datum.step == {int(selected)}", alt.value(1.0), alt.value(0.45))
    chart = (
        alt.Chart(frame)
        .mark_bar(cornerRadius=2, minBandSize=6)
        .encode(
            x=alt.X("start:Q", title="seconds", axis=alt.Axis(grid=False, tickCount=10)),
            x2="end:Q",
            y=alt.Y("kind:N", sort=list(KIND_COLORS), title=None),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=list(KIND_COLORS), range=list(KIND_COLORS.values())),
                legend=None,
            ),
            opacity=opacity,
            tooltip=["step", "name", "kind", *_rounded("start", "end")],
        )
        .properties(height=alt.Step(20))
        .add_params(alt.selection_point(name="bar", fields=["step"], toggle=False))
    )
    bare: alt.Chart = _bare(chart)
    return bare


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
        .mark_bar(cornerRadius=2, orient="vertical", binSpacing=2)
        .encode(
            x=alt.X("from:Q", bin="binned", title="reward", axis=alt.Axis(tickCount=5)),
            x2="to:Q",
            y=alt.Y("runs:Q", title=None, stack=None, axis=alt.Axis(tickMinStep=1, tickCount=3)),
            tooltip=["from", "to", "runs"],
        )
        .properties(height=140)
    )
    bare: alt.Chart = _bare(chart)
    return bare


def _rounded(*fields: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{field}:Q", format=".2f") for field in fields]


def _bare(chart: Any) -> Any:
    return chart.configure_view(strokeWidth=0).configure_axis(
        domain=False, ticks=False, labelPadding=6, labelFlush=False, labelBound=False
    )

"""The table that a benchmark prints: a row for each thing measured, beside what it is compared
with.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

BUSY = 0.5
"""Load average per core from which figures say more about the machine than about the program."""
HEADINGS = ("", "median", "p95", "best", "cpu", "ratio", "goal", "")


@dataclass(frozen=True)
class Goal:
    """What the median shall not exceed: an amount in the row's unit, or a multiple of the
    reference.
    """

    limit: float
    is_ratio: bool = False


@dataclass(frozen=True)
class Row:
    """One thing measured, several times."""

    what: str
    unit: str
    samples: Sequence[float]
    cpu: float | None = None
    """What the median sample cost in processor time, in the same unit."""
    reference: Row | None = None
    """What the ratio is to; a row without one is compared with nothing."""
    goal: Goal | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def p95(self) -> float:
        """The sample that 95 % of them do not exceed."""
        return sorted(self.samples)[max(0, round(0.95 * len(self.samples)) - 1)]

    @property
    def ratio(self) -> float | None:
        """The median as a multiple of the reference's."""
        return None if self.reference is None else self.median / self.reference.median

    @property
    def meets_goal(self) -> bool | None:
        """None where there is no goal."""
        if self.goal is None:
            return None
        return ((self.ratio or 0.0) if self.goal.is_ratio else self.median) <= self.goal.limit


def show(title: str, rows: Iterable[Row | str]) -> None:
    """Print the table; a string among the rows is a heading."""
    lines = [_cells(row) if isinstance(row, Row) else (row,) for row in rows]
    full = [HEADINGS, *(line for line in lines if len(line) > 1)]
    widths = [max(len(line[column]) for line in full) for column in range(len(HEADINGS))]
    print(f"\n{title}\n")
    for line in [HEADINGS, *lines]:
        print(_aligned(line, widths) if len(line) > 1 else f"\n{line[0]}")
    print(f"\nload average now {_load()}")


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if not column else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"  {row.what}",
        amount(row.median, row.unit),
        amount(row.p95, row.unit),
        amount(min(row.samples), row.unit),
        "" if row.cpu is None else amount(row.cpu, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f}×",
        "" if row.goal is None else f"≤ {_limit(row.goal, row.unit)}",
        {None: "", True: "ok", False: "over"}[row.meets_goal],
    )


def amount(value: float, unit: str) -> str:
    """A figure with three digits or so, and its unit."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def _limit(goal: Goal, unit: str) -> str:
    return f"{goal.limit:g}×" if goal.is_ratio else f"{goal.limit:g} {unit}"


def introduce() -> None:
    """Say what is measured with and on, and warn where the machine is busy before anything has
    started.
    """
    cores = os.cpu_count() or 1
    print(
        f"Python {platform.python_version()}, mcp {version('mcp')}, {cores} cores, load average {_load()}"
    )
    if os.getloadavg()[0] > BUSY * cores:
        print(
            "warning: the machine is busy, so that figures are too high; compare ratios, `best` and `cpu`"
        )


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f}"

"""The table that a benchmark prints: what was measured, beside what it is compared with."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

BUSY = 0.5
"""Load average per core from which figures say more of the machine than of the program."""
HEADINGS = ("", "median", "p95", "best", "cpu", "ratio", "goal", "")


@dataclass(frozen=True)
class Goal:
    """What the median shall not exceed: so much in the row's unit, or so often the reference."""

    limit: float
    is_ratio: bool = False


@dataclass(frozen=True)
class Row:
    """One thing, measured several times."""

    what: str
    unit: str
    samples: Sequence[float]
    cpu: float | None = None
    """Processor time of a sample on average, in the same unit."""
    reference: Row | None = None
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
        """The median as a multiple of the reference's; None without one."""
        return None if self.reference is None else self.median / self.reference.median

    @property
    def verdict(self) -> str:
        """Whether the goal is met: `ok`, `over`, or nothing where there is none."""
        if self.goal is None:
            return ""
        reached = self.ratio if self.goal.is_ratio else self.median
        return "ok" if reached is not None and reached <= self.goal.limit else "over"


def introduce() -> None:
    """Say what is measured with, and warn where the machine is busy before anything started."""
    cores = os.cpu_count() or 1
    packages = f"Python {platform.python_version()}, mcp {version('mcp')}"
    print(f"{packages}, {cores} cores, load average {_load()}")
    if os.getloadavg()[0] > BUSY * cores:
        print("warning: the machine is busy, so figures are too high; compare ratios and `cpu`")


def show(title: str, rows: Sequence[Row | str]) -> None:
    """Print the table; a string among the rows is a heading."""
    measured = [_cells(row) for row in rows if isinstance(row, Row)]
    columns = zip(HEADINGS, *measured, strict=True)
    widths = [max(map(len, column)) if any(column[1:]) else 0 for column in columns]
    print(f"\n{title}\n\n{_line(HEADINGS, widths)}")
    for row in rows:
        print(_line(_cells(row), widths) if isinstance(row, Row) else f"\n{row}")
    print(f"\nload average at the end {_load()}", flush=True)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line: the first column to the left, the others to the right, empty ones left out."""
    first, *others = [(cell, width) for cell, width in zip(cells, widths, strict=True) if width]
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"  {row.what}",
        _amount(row.median, row.unit),
        _amount(row.p95, row.unit),
        _amount(min(row.samples), row.unit),
        "" if row.cpu is None else _amount(row.cpu, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f}×",
        _limit(row.goal, row.unit),
        row.verdict,
    )


def _amount(value: float, unit: str) -> str:
    """A figure with three digits or so, and its unit."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def _limit(goal: Goal | None, unit: str) -> str:
    if goal is None:
        return ""
    return f"≤ {goal.limit:g}×" if goal.is_ratio else f"≤ {goal.limit:g} {unit}"


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f}"

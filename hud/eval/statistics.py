"""Intervals, pass@k and paired tests over rewards. Pure.

Runs of one task resemble each other, so that the task is what is drawn: an interval gets as narrow
as the number of tasks allows, not that of runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist, fmean

from hud.wire import Interval

Z = NormalDist().inv_cdf(0.975)
MAX_SUMS = 4096
"""Distinct sums up to which a permutation test is exact."""
DIGITS = 9
"""Decimals by which differences of rewards are told apart."""


def interval(groups: Iterable[Sequence[float]]) -> Interval | None:
    """Mean over all rewards with its 95 % interval, given the rewards of each task; None of none.

    For rewards in [0, 1] it is Wilson's interval, which stays in there, for as many independent
    runs as the spread between tasks says there were.
    """
    tasks = [rewards for rewards in groups if rewards]
    rewards = [reward for task in tasks for reward in task]
    if not rewards:
        return None
    mean = math.fsum(rewards) / len(rewards)
    error = _standard_error(tasks, mean, len(rewards))
    if not all(0.0 <= reward <= 1.0 for reward in rewards):
        reach = student(len(tasks) - 1) * error if len(tasks) > 1 else 0.0
        return Interval(mean=mean, low=mean - reach, high=mean + reach, count=len(rewards))
    low, high = wilson(mean, _independent(mean, error, len(tasks), len(rewards)))
    return Interval(mean=mean, low=low, high=high, count=len(rewards))


def _standard_error(tasks: Sequence[Sequence[float]], mean: float, count: int) -> float:
    """Of the mean, with tasks as clusters."""
    if len(tasks) < 2:
        return 0.0
    residuals = (math.fsum(reward - mean for reward in task) for task in tasks)
    spread = math.fsum(residual * residual for residual in residuals)
    return math.sqrt(spread * len(tasks) / (len(tasks) - 1)) / count


def _independent(mean: float, error: float, tasks: int, runs: int) -> float:
    """How many independent runs have that standard error: at least the tasks' number, at most the
    runs'; the runs of a single task count as independent.
    """
    if tasks < 2:
        return runs
    if error == 0.0:
        return tasks
    return min(max(mean * (1.0 - mean) / error**2, tasks), runs)


def wilson(mean: float, count: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a mean of `count` values in [0, 1]."""
    square = Z * Z / count
    centre = (mean + square / 2) / (1 + square)
    spread = mean * (1 - mean) / count + square / (4 * count)
    reach = Z * math.sqrt(max(spread, 0.0)) / (1 + square)
    return max(0.0, min(mean, centre - reach)), min(1.0, max(mean, centre + reach))


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution."""
    if freedom == 1:
        return math.tan(math.pi * 0.475)
    if freedom == 2:
        return 2 * 0.475 * math.sqrt(2 / (4 * 0.975 * 0.025))
    z, n = Z, freedom
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / n**power for power, term in enumerate(terms, start=1))


def pass_at(groups: Iterable[tuple[int, int]], size: int) -> dict[int, float]:
    """Unbiased pass@k by k, over tasks given as (runs, passed runs): the chance that one of k runs
    passes. Tasks with fewer than k runs are left out; k beyond ten goes in doublings.
    """
    tasks = list(groups)
    found: dict[int, float] = {}
    for k in _sizes(size):
        chances = [_pass_at(runs, passed, k) for runs, passed in tasks if runs >= k]
        if chances:
            found[k] = fmean(chances)
    return found


def _sizes(size: int) -> list[int]:
    doublings = (2**power for power in range(4, size.bit_length()))
    return sorted({*range(1, min(size, 10) + 1), *doublings, size} - {0})


def _pass_at(runs: int, passed: int, k: int) -> float:
    return 1.0 - math.comb(runs - passed, k) / math.comb(runs, k)


def p_value(differences: Sequence[float]) -> float | None:
    """Two-sided, of a paired permutation test: differences are as often below zero as above it.

    Exact while the distinct sums are few, else by their variance; None without a difference.
    """
    if not differences:
        return None
    scaled = [round(abs(value), DIGITS) for value in differences]
    moved = sorted((value for value in scaled if value), reverse=True)
    observed = abs(math.fsum(round(value, DIGITS) for value in differences))
    if not moved:
        return 1.0
    sums = _sums(moved)
    if sums is None:
        return math.erfc(observed / math.sqrt(2 * math.fsum(value * value for value in moved)))
    return min(1.0, math.fsum(p for total, p in sums.items() if abs(total) >= observed - 1e-8))


def _sums(sizes: Sequence[float]) -> dict[float, float] | None:
    """The chance of each sum of these sizes under all signs; None where there are too many."""
    chances = {0.0: 1.0}
    for size in sizes:
        grown: dict[float, float] = {}
        for total, chance in chances.items():
            for moved in (round(total + size, DIGITS), round(total - size, DIGITS)):
                grown[moved] = grown.get(moved, 0.0) + chance / 2
        if len(grown) > MAX_SUMS:
            return None
        chances = grown
    return chances


def paired_interval(differences: Sequence[float]) -> Interval | None:
    """Mean difference over tasks with its 95 % interval by Student; None of none."""
    if not differences:
        return None
    count = len(differences)
    mean = math.fsum(differences) / count
    if count == 1:
        return Interval(mean=mean, low=-1.0, high=1.0, count=1)
    spread = math.fsum((value - mean) ** 2 for value in differences) / (count - 1)
    reach = student(count - 1) * math.sqrt(spread / count)
    return Interval(mean=mean, low=mean - reach, high=mean + reach, count=count)

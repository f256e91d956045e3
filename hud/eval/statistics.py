"""Intervals, pass@k and paired tests over rewards. Pure.

Runs of one task resemble each other, so that the task is what is drawn: an interval gets as narrow
as the number of tasks allows, not that of runs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from hud.wire import Interval

Z = NormalDist().inv_cdf(0.975)
MAX_SUMS = 4096
"""Distinct sums up to which a permutation test is exact."""
MAX_STEPS = 200_000
"""How many sums such a test may look at before it is made by variance."""
ROUNDING = 1e-12
"""A standard error that small says that all tasks are alike."""
DIGITS = 9
"""Decimals by which differences of rewards are told apart."""


@dataclass(frozen=True)
class Spread:
    """What rewards of several tasks add up to."""

    tasks: int
    """How many of them have a reward."""
    count: int
    """How many rewards there are."""
    total: float
    low: float
    """The lowest reward."""
    high: float
    squares: float = 0.0
    """Over the tasks, the square of what their rewards are off the mean, summed up."""


def interval(groups: Iterable[Sequence[float]]) -> Interval | None:
    """Mean over all rewards with its 95 % interval, given the rewards of each task; None of none.

    For rewards in [0, 1] it is Wilson's interval, which stays in there, for as many independent
    runs as the spread between tasks says there were.
    """
    tasks = [rewards for rewards in groups if rewards]
    rewards = [reward for task in tasks for reward in task]
    if not rewards:
        return None
    total = math.fsum(rewards)
    mean = total / len(rewards)
    residuals = (math.fsum(reward - mean for reward in task) for task in tasks)
    squares = math.fsum(residual * residual for residual in residuals)
    return interval_of(Spread(len(tasks), len(rewards), total, min(rewards), max(rewards), squares))


def interval_of(spread: Spread) -> Interval | None:
    """As `interval`, given what the rewards add up to."""
    tasks, count = spread.tasks, spread.count
    if not count:
        return None
    mean, error = spread.total / count, _standard_error(spread)
    if spread.low < 0.0 or spread.high > 1.0:
        reach = student(tasks - 1) * error if tasks > 1 else 0.0
        return Interval(mean=mean, low=mean - reach, high=mean + reach, count=count)
    low, high = wilson(mean, _independent(mean, error, tasks, count))
    return Interval(mean=mean, low=low, high=high, count=count)


def _standard_error(spread: Spread) -> float:
    """Of the mean, with tasks as clusters; what only rounding made is none."""
    if spread.tasks < 2:
        return 0.0
    error = math.sqrt(spread.squares * spread.tasks / (spread.tasks - 1)) / spread.count
    return error if error > ROUNDING else 0.0


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
    return pass_at_counted(Counter(groups), size)


def pass_at_counted(tasks: Mapping[tuple[int, int], int], size: int) -> dict[int, float]:
    """As `pass_at`, given how many tasks there are of each kind."""
    found: dict[int, float] = {}
    for k in _sizes(size):
        fitting = [(kind, count) for kind, count in tasks.items() if kind[0] >= k]
        if fitting:
            chances = math.fsum(count * _pass_at(*kind, k) for kind, count in fitting)
            found[k] = chances / sum(count for _, count in fitting)
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
    chances, steps = {0.0: 1.0}, 0
    for size, times in Counter(sizes).items():
        steps += len(chances) * (times + 1)
        if steps > MAX_STEPS or times >= MAX_SUMS:
            return None
        signed = list(_signed(size, times))
        grown: dict[float, float] = {}
        for total, chance in chances.items():
            for moved, share in signed:
                reached = round(total + moved, DIGITS)
                grown[reached] = grown.get(reached, 0.0) + chance * share
        if len(grown) > MAX_SUMS:
            return None
        chances = grown
    return chances


def _signed(size: float, times: int) -> Iterator[tuple[float, float]]:
    """The sums of so many numbers of one size under all signs, each with its chance."""
    every, ways = 2**times, 1
    for above in range(times + 1):
        yield (2 * above - times) * size, ways / every
        ways = ways * (times - above) // (above + 1)


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

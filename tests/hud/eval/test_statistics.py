"""Intervals, pass@k and paired tests."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hud.eval.statistics import (
    Spread,
    interval,
    interval_of,
    p_value,
    paired_interval,
    pass_at,
    student,
    wilson,
)

REWARDS = st.floats(0.0, 1.0)


def test_wilsons_interval_is_the_known_one() -> None:
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


@given(st.lists(st.lists(REWARDS, max_size=4), max_size=8))
def test_an_interval_holds_its_mean_and_stays_between_zero_and_one(
    groups: list[list[float]],
) -> None:
    found = interval(groups)
    if found is None:
        assert not any(groups)
        return
    assert 0.0 <= found.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.high <= 1.0
    assert found.count == sum(map(len, groups))


def test_more_tasks_narrow_an_interval_and_more_runs_of_the_same_hardly_do() -> None:
    def width(groups: list[list[float]]) -> float:
        found = interval(groups)
        assert found is not None
        return found.high - found.low

    few = [[1.0], [0.0]] * 5
    many = [[1.0], [0.0]] * 50
    repeated = [[1.0] * 10, [0.0] * 10] * 5
    assert width(many) < width(few) / 2.5
    assert width(repeated) == pytest.approx(width(few), rel=0.05)


def test_runs_of_one_task_that_differ_count_as_independent() -> None:
    found = interval([[1.0, 0.0] * 5])
    assert found is not None
    assert (found.low, found.high) == pytest.approx(wilson(0.5, 10))


def test_rewards_beyond_one_have_an_interval_around_their_mean() -> None:
    found = interval([[3.0], [-1.0], [2.0]])
    assert found is not None
    assert found.low < 0 < found.mean < 3 < found.high


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (2, 4.3027), (3, 3.182), (5, 2.571), (30, 2.042)]
)
def test_students_quantile_is_the_known_one(freedom: int, quantile: float) -> None:
    assert student(freedom) == pytest.approx(quantile, rel=0.01)


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_pass_at_k_is_the_share_of_draws_that_hold_a_pass(task: tuple[int, int]) -> None:
    runs, passed = task
    marks = [True] * passed + [False] * (runs - passed)
    for k, chance in pass_at([task], runs).items():
        draws = list(itertools.combinations(marks, k))
        assert chance == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_leaves_out_tasks_with_fewer_runs() -> None:
    assert pass_at([(2, 1), (1, 1)], 3) == {1: 0.75, 2: 1.0}
    assert pass_at([], 3) == {}
    assert list(pass_at([(40, 1)], 40)) == [*range(1, 11), 16, 32, 40]


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=8))
def test_a_permutation_test_counts_the_signs_that_reach_as_far(values: list[float]) -> None:
    observed = abs(math.fsum(values))
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, values, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    expected = sum(total >= observed - 1e-9 for total in sums) / len(sums)
    assert p_value(values) == pytest.approx(expected)


def test_a_permutation_test_of_many_values_is_quick_and_near_the_exact_one() -> None:
    assert p_value([]) is None
    assert p_value([0.0, 0.0]) == 1.0
    clear = p_value([0.1 + n / 10_000 for n in range(500)])
    unclear = p_value([(-1) ** n * (0.1 + n / 10_000) for n in range(500)])
    assert clear is not None
    assert clear < 1e-9
    assert unclear is not None
    assert unclear > 0.8


def test_a_paired_interval_is_students() -> None:
    found = paired_interval([0.0, 1.0, 0.5])
    assert found is not None
    assert (found.mean, found.count) == (0.5, 3)
    assert found.high - found.mean == pytest.approx(4.3027 * 0.5 / math.sqrt(3), rel=0.01)
    assert paired_interval([]) is None


def test_a_thousand_tasks_that_passed_or_not_are_tested_exactly() -> None:
    better, worse = 520, 460
    tail = sum(math.comb(980, k) for k in range(better, 981)) / 2**980
    found = p_value([1.0] * better + [-1.0] * worse + [0.0] * 20)
    assert found == pytest.approx(2 * tail)


def test_an_interval_needs_only_what_rewards_add_up_to() -> None:
    rewards = [[0.1, 0.7, 1.0], [0.4], [0.0, 0.3]]
    total, mean = 2.5, 2.5 / 6
    squares = sum((sum(task) - mean * len(task)) ** 2 for task in rewards)
    found, expected = interval_of(Spread(3, 6, total, 0.0, 1.0, squares)), interval(rewards)
    assert found is not None
    assert expected is not None
    assert found.model_dump() == pytest.approx(expected.model_dump())


def test_what_only_rounding_tells_apart_is_alike() -> None:
    alike = interval_of(Spread(3, 9, 6.3, 0.7, 0.7, squares=1e-30))
    assert alike == interval_of(Spread(3, 9, 6.3, 0.7, 0.7))

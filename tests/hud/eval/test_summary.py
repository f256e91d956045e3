"""The reward table, and what it says of failures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from hud.eval.summary import Summary, junit, render
from hud.wire import RolloutRecord

SEED_PAGE = """\
  Task                 Runs   Rewards            Mean
  ──────────────────────────────────────────────────────
  strawberry-r            3   1.0  1.0  0.0      0.67
  mississippi-s           3   0.0  0.0  0.0      0.00
  abracadabra-a           3   1.0  1.0  1.0      1.00
  ──────────────────────────────────────────────────────
  Total: 3 tasks × 3 runs | Mean: 0.56 | Pass: 5/9 (56%)"""
"""The table of the seed page, to the letter."""

REWARDS = {"strawberry-r": [1, 1, 0], "mississippi-s": [0, 0, 0], "abracadabra-a": [1, 1, 1]}


def scored(task: str, index: int, reward: float, **fields: Any) -> RolloutRecord:
    return record(task, index, status="scored", reward=reward, **fields)


def failed(task: str, index: int, boundary: str = "provider", **fields: Any) -> RolloutRecord:
    return record(
        task, index, **{"status": "failed", "boundary": boundary, "error": "503"} | fields
    )


def record(task: str, index: int, **fields: Any) -> RolloutRecord:
    return RolloutRecord(
        id=f"{task}.nop.{index}",
        job_id="job",
        task=task,
        variant="nop",
        index=index,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=1.5,
        **fields,
    )


def seed_page_records() -> list[RolloutRecord]:
    return [
        scored(task, index, reward)
        for task, rewards in REWARDS.items()
        for index, reward in enumerate(rewards)
    ]


def test_the_table_is_the_one_of_the_seed_page() -> None:
    assert render(Summary.of(REWARDS, seed_page_records())) == SEED_PAGE


def test_the_table_does_not_depend_on_which_run_ended_first() -> None:
    assert render(Summary.of(REWARDS, reversed(seed_page_records()))) == SEED_PAGE


def test_failed_runs_are_in_neither_mean_nor_pass_and_are_listed_with_their_cause() -> None:
    records = [
        failed("b", 0, "setup", error="no words"),
        scored("a", 1, 0.5),
        failed("a", 0, hint="try again"),
        scored("b", 1, 1.0),
    ]
    assert render(Summary.of(["a", "b"], records)).splitlines()[2:] == [
        "  a                       1   0.5                0.50",
        "  b                       1   1.0                1.00",
        "  " + "─" * 54,
        "  Total: 2 tasks × 2 runs | Mean: 0.75 | Pass: 1/2 (50%)",
        "",
        "  Failed: 2 (1 provider, 1 setup), not in mean and pass",
        "    a #1  provider: 503",
        "    b #1  setup: no words",
        "    hint: try again",
    ]


def test_without_a_scored_run_there_is_no_mean() -> None:
    lines = render(Summary.of(["a"], [failed("a", 0)])).splitlines()
    assert lines[2].split() == ["a", "0", "–", "–"]
    assert lines[4] == "  Total: 1 task × 1 run | Mean: – | Pass: 0/0"


def test_many_failures_are_counted_and_the_first_ones_listed() -> None:
    table = render(Summary.of(["a"], (failed("a", index) for index in range(300))))
    assert "Failed: 300 (300 provider)" in table
    assert "… and 280 more" in table
    assert len(table.splitlines()) < 40


def test_a_cause_is_one_line_of_bounded_length() -> None:
    forged = "no words\r\n  Total: 9 tasks\u2028" + "x" * 9999
    table = render(Summary.of(["a"], [failed("a", 0, error=forged)]))
    last = table.splitlines()[-1]
    assert last.startswith("    a #1  provider: no words Total: 9 tasks xxx")
    assert len(last) < 540


def test_many_rewards_are_counted_and_the_first_ones_shown() -> None:
    table = render(Summary.of(["a"], (scored("a", index, 1.0) for index in range(100))))
    assert "  1.0  1.0  +88 more" in table
    assert max(map(len, table.splitlines())) < 110


@pytest.mark.parametrize(
    ("reward", "shown"), [(1, "1.0"), (0.25, "0.25"), (0.5, "0.5"), (1 / 3, "0.33"), (-2.0, "-2.0")]
)
def test_a_reward_has_the_digits_that_it_needs(reward: float, shown: str) -> None:
    assert render(Summary.of(["a"], [scored("a", 0, reward)])).splitlines()[2].split()[2] == shown


def test_a_long_name_widens_the_table() -> None:
    name = "a-task-with-a-very-long-slug-indeed"
    head, rule, row, *_ = render(Summary.of([name], [scored(name, 0, 1.0)])).splitlines()
    assert head.index("Rewards") == row.index("1.0")
    assert len(rule) > len(row)


@pytest.mark.parametrize(("threshold", "passed"), [(1.0, 1), (0.5, 2), (0.3, 3), (1.1, 0)])
def test_a_run_passes_from_the_threshold_on(threshold: float, passed: int) -> None:
    records = [scored("a", index, reward) for index, reward in enumerate([1.0, 0.5, 0.1 + 0.2])]
    assert Summary.of(["a"], records, threshold).passed == passed


def test_a_partial_job_says_how_many_runs_there_were() -> None:
    records = [scored("a", 0, 1.0), scored("a", 1, 1.0), scored("b", 0, 0.0)]
    assert "  Total: 3 tasks, 3 runs | Mean: 0.67" in render(Summary.of(["a", "b", "c"], records))


def test_scenarios_with_rewards_outside_the_usual_are_noted() -> None:
    records = [scored("a", 0, 3.0, scenario="odd"), scored("a", 1, 0.5, scenario="even")]
    assert Summary.of(["a"], records).outside == {"odd"}


def test_junit_tells_apart_what_failed_and_what_scored_too_little() -> None:
    records = [scored("a", 0, 1.0), scored("a", 1, 0.2), failed("a", 2, error="bad \x1b[31m byte")]
    suite = ElementTree.fromstring(junit("tasks.py", records).encode())
    assert {name: suite.get(name) for name in ("name", "tests", "failures", "errors")} == {
        "name": "tasks.py",
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    assert [case.get("time") for case in suite] == ["1.500"] * 3
    assert [child.get("message") for case in suite for child in case] == [
        "reward 0.2 is below 1",
        "bad �[31m byte",
    ]

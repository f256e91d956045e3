"""Comparing answers with what is expected."""

from __future__ import annotations

from typing import Any

import pytest

from hud.native import (
    contains,
    contains_all,
    contains_any,
    exact_match,
    f1_score,
    normalize,
    numeric_match,
)
from hud.types import AgentAnswer


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  The Answer is: 42! ", "answer is 42"),
        ("an Apple a day", "apple day"),
        ("don't stop-now", "don t stop now"),
        ("-5 to 3.14, or 1,234,567.", "-5 to 3.14 or 1234567"),
        ("Ünï\tÜber", "ünï über"),
        (None, ""),
    ],
)
def test_a_text_is_normalised(text: Any, normal: str) -> None:
    assert normalize(text) == normal


@pytest.mark.parametrize(
    ("answer", "expected", "score"),
    [
        ("The answer is 42!", "42", 1.0),
        ("Final answer: **Paris**.", "paris", 1.0),
        ("So my answer is Paris", "Paris", 1.0),
        ("  an apple ", "Apple.", 1.0),
        ("1,000", "1000", 1.0),
        ("43", "42", 0.0),
        ("The answer is not 42", "42", 0.0),
        ("It is 42", "42", 0.0),
        ("-5", "5", 0.0),
        ("3.14", "314", 0.0),
        ("The answer is", "", 0.0),
        (None, "", 0.0),
        (AgentAnswer(content="Paris"), "Paris", 1.0),
        (AgentAnswer(content=42), "42", 1.0),
    ],
)
def test_an_answer_is_right_or_not(answer: Any, expected: str, score: float) -> None:
    assert exact_match(answer, expected) == score


def test_an_answer_can_be_compared_character_by_character() -> None:
    assert exact_match("Paris", "Paris", normalize_text=False) == 1.0
    assert exact_match("paris", "Paris", normalize_text=False) == 0.0


def test_an_answer_holds_texts() -> None:
    assert contains("The capital is Paris", "paris") == 1.0
    assert contains("The capital is Paris", "paris", case_sensitive=True) == 0.0
    assert contains(None, "x") == 0.0
    assert contains_any("I chose option B", ["option a", "option b"]) == 1.0
    assert contains_any("abc", []) == 0.0
    assert contains_all("Paris, France", ["paris", "france"]) == 1.0
    assert contains_all("Paris", ["paris", "france"]) == 0.0


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("The answer is 3.14", 3.14),
        ("1,000", 1000),
        ("1,234,567.5 in all", 1234567.5),
        ("-5", -5),
        ("\N{MINUS SIGN}5", -5),
        ("+7", 7),
        ("1e3", 1000),
        ("1.5E-3", 0.0015),
        (".5", 0.5),
        ("$-5", -5),
        ("$1,000.", 1000),
        ("50%", 50),
        ("10-5", 10),
        ("In Q1 it was 500", 500),
        ("7kg", 7),
        (42, 42),
        (AgentAnswer(content=2.5), 2.5),
    ],
)
def test_the_first_number_is_found(answer: Any, number: float) -> None:
    assert numeric_match(answer, number) == 1.0
    assert numeric_match(answer, number + 1) == 0.0


@pytest.mark.parametrize("answer", ["", "none", None, "1e999"])
def test_no_number_matches_nothing(answer: Any) -> None:
    assert numeric_match(answer, 0, tolerance=1e9) == 0.0


@pytest.mark.parametrize(("tolerance", "score"), [(0.05, 1.0), (0.04, 1.0), (0.03, 0.0), (0, 0.0)])
def test_a_number_may_be_a_little_off(tolerance: float, score: float) -> None:
    assert numeric_match("About 3.1 meters", 3.14, tolerance=tolerance) == score


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [
        ("Paris", "Paris", 1.0),
        ("The capital is Paris, France", "Paris", 0.4),
        ("x x y", "x y y", 2 / 3),
        ("", "x", 0.0),
        ("", "", 0.0),
    ],
)
def test_words_are_shared(answer: str, reference: str, score: float) -> None:
    assert f1_score(answer, reference) == pytest.approx(score)

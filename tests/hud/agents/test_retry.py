"""When a provider is asked again, and how its refusals read."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest

from hud.agents.retry import (
    LONGEST_BACKOFF,
    LONGEST_WAIT,
    pause,
    provider_message,
    refusal_in,
    retry_after,
)


@pytest.mark.parametrize(
    ("tries", "asked", "least", "most"),
    [
        (1, None, 0.25, 0.5),
        (3, None, 1.0, 2.0),
        (50, None, LONGEST_BACKOFF / 2, LONGEST_BACKOFF),
        (1, 0.0, 0.0, 0.0),
        (9, 7.0, 7.0, 7.7),
        (1, 86_400.0, LONGEST_WAIT, LONGEST_WAIT * 1.1),
        (1, float("inf"), LONGEST_WAIT, LONGEST_WAIT * 1.1),
    ],
)
def test_the_pause_grows_or_is_what_the_provider_asks_but_never_too_long(
    tries: int, asked: float | None, least: float, most: float
) -> None:
    assert least <= pause(tries, asked) <= most


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("nan", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}) == seconds


def test_retry_after_of_a_coming_date_is_the_time_until_then() -> None:
    header = formatdate(time.time() + 30, usegmt=True)
    asked = retry_after({"retry-after": header})
    assert asked is not None
    assert 25 < asked <= 30


def test_without_a_header_nothing_is_asked() -> None:
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "no\nmore"}}, "no"),
        ({"message": "plain"}, "plain"),
        ({"detail": "not found"}, "not found"),
        ({"error": "text"}, "text"),
        ([{"error": {"message": "listed"}}], "listed"),
        ({"error": {"code": 7}}, ""),
        (None, ""),
        ("x" * 1000, "x" * 300),
    ],
)
def test_a_providers_own_words_are_one_line(body: Any, message: str) -> None:
    assert provider_message(body) == message


@pytest.mark.parametrize(
    ("answer", "status", "again"),
    [
        ({"error": {"code": 429, "message": "slow down"}}, 429, True),
        ({"error": {"code": 400, "message": "no"}}, 400, False),
        ({"error": {"code": "server_error", "message": "oops"}}, 500, True),
        ({"error": {"code": "invalid_prompt", "message": "no"}}, None, False),
        ({"error": "broken"}, None, False),
    ],
)
def test_an_error_inside_an_answer_is_a_refusal(
    answer: dict[str, Any], status: int | None, again: bool
) -> None:
    refusal = refusal_in(answer)
    assert refusal is not None
    assert (refusal.status, refusal.again) == (status, again)


@pytest.mark.parametrize("answer", [{"choices": []}, {"error": None}, "text", None])
def test_an_answer_without_an_error_is_none(answer: Any) -> None:
    assert refusal_in(answer) is None

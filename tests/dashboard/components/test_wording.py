"""Times and sizes, as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.components.wording import ago, counted, lasting, sized

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=40), "2026-04-22"),
    ],
)
def test_moments(before: timedelta, said: str) -> None:
    assert ago(NOW - before, NOW) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0.012, "12 ms"), (1.44, "1.4 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert lasting(seconds) == said


def test_sizes_and_counts() -> None:
    assert (sized(512), sized(196_608), sized(3 * 1024**3)) == ("512 B", "192 KiB", "3.0 GiB")
    assert (counted(1, "job"), counted(2000, "job")) == ("1 job", "2,000 jobs")

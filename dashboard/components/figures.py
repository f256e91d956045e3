"""How tokens, rewards, arguments and values are written; `wording` has times and counts."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from hud.types import Usage


def compact(number: int) -> str:
    """A count in at most five characters: `812`, `12.4k`, `1.2M`."""
    for limit, divisor, unit in ((10_000, 1, ""), (1_000_000, 1_000, "k"), (10**9, 10**6, "M")):
        if number < limit:
            return f"{number:,}" if divisor == 1 else f"{number / divisor:.1f}{unit}"
    return f"{number / 10**9:.1f}G"


def tokens(usage: Usage) -> str:
    """All tokens of a usage; a dash where no model was asked."""
    total = usage.input_tokens + usage.output_tokens
    return compact(total) if total else "–"


def reward(value: float | None) -> str:
    """A reward with what decimals it has, two at most; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.1f}" if abs(value * 10 - round(value * 10)) < 1e-9 else f"{value:.2f}"


def moment(at: datetime) -> str:
    """A point in time, in UTC as it is stored."""
    return f"{at:%d %b %Y, %H:%M} UTC"


def mean(value: float | None) -> str:
    """A mean reward with two decimals; a dash where there is none."""
    return "–" if value is None else f"{value:.2f}"


def signed(value: float) -> str:
    """A difference with its sign: `+0.12`, and with a true minus sign."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def one_line(value: Any) -> str:
    """A value as JSON on one line; text as it is."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def arguments(given: Any) -> str:
    """Arguments as in a call: `text="strawberry", letter="r"`."""
    if not isinstance(given, dict):
        return "" if given is None else one_line(given)
    return ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False, default=str)}"
        for name, value in given.items()
    )


def pretty(value: Any) -> str:
    """A value as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)

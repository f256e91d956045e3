"""An environment as it was written for the original SDK, which its image holds."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from typing import Any

from hud import Environment

env = Environment("letters_v5")


@env.tool()
def count_letter(text: str, letter: str) -> int:
    """Count a letter in a text."""
    return text.count(letter)


@env.scenario("count")
async def count(word: str, letter: str = "r") -> AsyncGenerator[Any, Any]:
    """Ask for a number of letters."""
    sys.stdout.write("Seeded the scenario\n")
    answer = yield f"How many {letter!r} in {word!r}?"
    yield 1.0 if answer == str(word.count(letter)) else 0.0


@env.scenario("echo")
async def echo(expected: str) -> AsyncGenerator[Any, Any]:
    """Ask for an answer that is to arrive as it was given."""
    answer = yield "Answer with what was expected."
    yield 1.0 if answer == expected else 0.0

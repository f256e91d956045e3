"""The letter counter of the seed page."""

from collections.abc import AsyncGenerator

from hud import Environment

env = Environment("letter-counter")


@env.tool()
def count_letter(text: str, letter: str) -> int:
    """Count occurrences of a letter in text."""
    return text.lower().count(letter.lower())


@env.scenario("count")
async def count(word: str, letter: str) -> AsyncGenerator[str | float, str | None]:
    answer = yield f"How many '{letter}' in '{word}'?"

    correct = str(word.lower().count(letter.lower()))
    yield 1.0 if answer and correct in answer else 0.0

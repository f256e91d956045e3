"""How much an answer agrees with what is expected: each function returns a number from 0 to 1."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
"""A comma between thousands."""
PUNCTUATION = re.compile(r"(?<!\d)\.|\.(?!\d)|-(?!\d)|(?<=[\w)])-|[^\w\s.-]")
"""Everything that is neither a letter, a digit nor a space, but for a number's sign and point."""
ARTICLES = re.compile(r"\b(?:a|an|the)\b")
LEAD_IN = re.compile(
    r"(?:(?:so|thus|therefore|hence) )?(?:(?:my|our|your|final|correct) )*"
    r"(?:answer|result|solution)(?: (?:is|equals|would be))? "
)
"""What people say before an answer, normalised."""
NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+|(?=\.\d))(?:\.\d+)?(?:[eE][-+]?\d+)?"
)
MINUS_SIGNS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-"})
ROUNDING = 1e-9


def normalize(text: Any) -> str:
    """The text in lower case, without punctuation, articles and surplus spaces.

    Numbers keep sign and decimal point, and lose the commas between thousands.
    """
    plain = GROUPED.sub("", _text(text).translate(MINUS_SIGNS).lower())
    return " ".join(ARTICLES.sub(" ", PUNCTUATION.sub(" ", plain)).split())


def exact_match(answer: Any, expected: str, normalize_text: bool = True) -> float:
    """1.0 if the answer is the expected one; no answer is never right.

    Both are normalised, and a lead-in such as "The final answer is" is not part of the answer.
    With `normalize_text=False` they have to be the same, character by character.
    """
    if answer is None:
        return 0.0
    if not normalize_text:
        return float(_text(answer) == expected)
    given, wanted = normalize(answer), normalize(expected)
    return float(given == wanted or LEAD_IN.sub("", given, count=1) == wanted != "")


def contains(answer: Any, substring: str, case_sensitive: bool = False) -> float:
    """1.0 if the answer holds the text."""
    return contains_all(answer, [substring], case_sensitive=case_sensitive)


def contains_any(answer: Any, substrings: Iterable[str], case_sensitive: bool = False) -> float:
    """1.0 if the answer holds at least one of the texts."""
    return float(any(_holds(answer, part, case_sensitive) for part in substrings))


def contains_all(answer: Any, substrings: Iterable[str], case_sensitive: bool = False) -> float:
    """1.0 if the answer holds every one of the texts."""
    return float(all(_holds(answer, part, case_sensitive) for part in substrings))


def numeric_match(answer: Any, expected: float, tolerance: float = 0.0) -> float:
    """1.0 if the first number of the answer is the expected one, give or take `tolerance`.

    Numbers may have a sign, commas between thousands, decimals and an exponent.
    """
    found = NUMBER.search(_text(answer).translate(MINUS_SIGNS))
    if found is None:
        return 0.0
    number = float(found[0].replace(",", ""))
    slack = tolerance + ROUNDING * max(abs(expected), 1.0) if tolerance else 0.0
    return float(math.isfinite(number) and abs(number - expected) <= slack)


def f1_score(answer: Any, reference: str) -> float:
    """How many words answer and reference share: the harmonic mean of precision and recall."""
    given, wanted = Counter(normalize(answer).split()), Counter(normalize(reference).split())
    shared = (given & wanted).total()
    if not shared:
        return 0.0
    precision, recall = shared / given.total(), shared / wanted.total()
    return 2 * precision * recall / (precision + recall)


def _text(answer: Any) -> str:
    """An answer as text: of a parsed one its content, of none nothing."""
    content = getattr(answer, "content", answer)
    return "" if content is None else str(content)


def _holds(answer: Any, part: str, case_sensitive: bool) -> bool:
    text = _text(answer)
    return part in text if case_sensitive else part.lower() in text.lower()

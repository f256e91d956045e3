"""Logs as pages read them: bounded, numbered lines, in which no secret is."""

from __future__ import annotations

import base64
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from hud.wire.platform import LogPage

KEPT_LINES = 2000
LONGEST_LINE = 4000
PAGE_LINES = 500
SHORTEST_SECRET = 4
"""Values with fewer characters are in everything, and are not looked for."""
COVER = "[secret]"

Redact = Callable[[str], str]


class Redactor:
    """Takes secrets out of texts, as they are and in base64."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms = {form for value in values for form in _forms(value)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """The text with each secret covered."""
        return text if self._pattern is None else self._pattern.sub(COVER, text)


def _forms(value: str) -> set[str]:
    """The texts by which a secret is known: itself, its lines, and its base64 at each of the three
    places at which it can begin.
    """
    if len(value) < SHORTEST_SECRET:
        return set()
    lines = {line.strip() for line in value.splitlines()} | {value}
    plain = {line for line in lines if len(line) >= SHORTEST_SECRET}
    encoded = {form for text in plain for form in _encoded(text.encode())}
    escaped = {text.encode("unicode_escape").decode() for text in plain}
    return plain | escaped | {form for form in encoded if len(form) >= SHORTEST_SECRET}


def _encoded(data: bytes) -> set[str]:
    forms = set()
    for shift in range(3):
        padded = b"\0" * shift + data
        # The characters at both ends hold bits of what stands beside the secret.
        first = -(-shift * 8 // 6)
        whole = len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(padded).decode()[first:whole])
    return forms


def redact_all(value: Any, redact: Redact) -> Any:
    """JSON data with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_all(item, redact) for item in value]
    if isinstance(value, dict):
        return {redact(key): redact_all(item, redact) for key, item in value.items()}
    return value


class Cover(logging.Filter):
    """Takes secrets out of what this process logs itself."""

    def __init__(self, redact: Redact) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, covered."""
        record.msg, record.args = self._redact(record.getMessage()), ()
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_info, record.exc_text = None, self._redact(text)
        return True


class Log:
    """The last lines of something, numbered from the first one on."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._count = 0

    def __call__(self, line: str) -> None:
        """Take one line, or several in one text."""
        for single in line.splitlines() or [""]:
            self._lines.append(self._redact(single)[:LONGEST_LINE])
            self._count += 1

    def page(self, after: int = 0) -> LogPage:
        """What follows line `after`, as far as it is kept."""
        first = self._count - len(self._lines)
        start = min(max(after - first, 0), len(self._lines))
        lines = list(self._lines)[start : start + PAGE_LINES]
        return LogPage(lines=lines, next=first + start + len(lines))

    def text(self) -> str:
        """Everything that is kept."""
        return "\n".join(self._lines)

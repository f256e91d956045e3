"""Text as editors show it: numbered lines, cut where there is too much of it."""

from __future__ import annotations

from hud.tools.system.workspace import printable

SNIPPET_LINES = 4
"""Lines that are shown on either side of a change."""
MAX_RESPONSE_LENGTH = 64_000
"""Characters of a file that are shown at once."""


def maybe_truncate(content: str, max_length: int = MAX_RESPONSE_LENGTH) -> str:
    """The text, or as much of its beginning as fits, with a note."""
    if not max_length or len(content) <= max_length:
        return content
    return f"{content[:max_length]}\n[… {len(content) - max_length:,} characters left out …]"


def numbered(lines: list[str], first: int = 1) -> str:
    """Lines with their numbers, as `cat -n` writes them."""
    return "\n".join(
        f"{number:6}\t{line.rstrip(chr(13))}" for number, line in enumerate(lines, first)
    )


def make_snippet(
    content: str, descriptor: str, start_line: int = 1, expand_tabs: bool = False
) -> str:
    """A text with numbered lines, introduced as the content of `descriptor`."""
    text = printable(content.expandtabs() if expand_tabs else content)
    shown = maybe_truncate(numbered(text.split("\n"), start_line))
    return f"Here's the result of running `cat -n` on {descriptor}:\n{shown}\n"

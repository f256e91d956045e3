"""Text that somebody else wrote (a model, a tool, an author), made fit to be shown.

Streamlit reads labels, captions and table headers as Markdown, which may load images from
elsewhere. Such text goes through `escaped`; whole texts go into `st.text` or `st.code`, cleaned.
"""

from __future__ import annotations

import re
import unicodedata

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&@/])")
_LINK = re.compile(r"(https?:|ftp:|www|\w@)(//|\.|\w)", re.IGNORECASE)
"""What Markdown makes a link of, escaped or not."""
_JOINER = "\N{WORD JOINER}"
_KEPT = {"\n", "\t"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co"}
"""Control and format characters (which turn writing around, too), and half characters."""


def cleaned(text: object) -> str:
    """The text with control, direction and other invisible characters replaced by visible signs."""
    return "".join(
        char if char in _KEPT or unicodedata.category(char) not in _HIDDEN else _sign(char)
        for char in str(text)
    )


def escaped(text: object, limit: int = 200) -> str:
    """The text on one line of at most `limit` characters, with nothing that Markdown reads."""
    line = " ".join(cleaned(text).split())
    if len(line) > limit:
        line = f"{line[: limit - 1]}…"
    return _MARKDOWN.sub(r"\\\1", _LINK.sub(rf"\1{_JOINER}\2", line))


def folded(text: str, lines: int = 12) -> tuple[str, int]:
    """The first lines of a text, and how many more there are."""
    every = text.split("\n")
    return "\n".join(every[:lines]), max(0, len(every) - lines)


def _sign(char: str) -> str:
    code = ord(char)
    return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"

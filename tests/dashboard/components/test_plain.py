"""Text that somebody else wrote, made fit to be shown."""

from __future__ import annotations

import pytest

from dashboard.components.plain import cleaned, escaped, folded


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://evil.example/x.png)",
        "[x](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "**bold** _it_ `code` ~~no~~",
        ":red[x] :material/home: :smile:",
        "$x^2$ | a | b",
    ],
    ids=["image", "link", "html", "marks", "directives", "math"],
)
def test_no_sign_that_markdown_reads_stays_unescaped(text: str) -> None:
    shown = escaped(text)
    assert all(shown[at - 1] == "\\" for at, char in enumerate(shown) if char in "![]()<>*_`:$|")


@pytest.mark.parametrize("text", ["see https://a.b", "www.a.b", "me@a.b", "FTP://a"])
def test_what_markdown_links_by_itself_is_taken_apart(text: str) -> None:
    assert "\N{WORD JOINER}" in escaped(text)


def test_invisible_and_direction_characters_are_made_visible() -> None:
    assert cleaned("a\x1b[31m\u202eb\x00\ufeff") == "a␛[31m�b␀�"
    assert cleaned("line\n\ttab") == "line\n\ttab"


def test_long_text_becomes_one_short_line() -> None:
    assert escaped("a\nb  c", limit=4) == "a b…"


def test_folding_says_how_many_lines_are_left() -> None:
    assert folded("a\nb\nc", 2) == ("a\nb", 1)

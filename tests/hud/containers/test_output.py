"""Output of containers is bounded and safe to show."""

from __future__ import annotations

import pytest

from hud.containers.output import LINE_LIMIT, Head, Tail, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=\x07", ""),
        ("a\rb\r\nc", "a\nb\nc"),
        ("a\x00\x07\x1bcb", "ab"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("\x9b31mred", "31mred"),
        ("ümläut ✓", "ümläut ✓"),
    ],
)
def test_what_could_act_on_a_terminal_is_taken_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_an_endless_line_is_cut() -> None:
    assert printable("x" * 10_000_000) == "x" * LINE_LIMIT + "…"


def test_a_tail_keeps_the_end() -> None:
    tail = Tail(limit=10)
    for number in range(1000):
        tail.append(b"%d\n" % number)
    assert tail.text() == "7\n998\n999\n"
    assert tail.lines(2) == ["998", "999"]


def test_a_head_keeps_the_start_and_counts_the_rest() -> None:
    head = Head(limit=5)
    for _ in range(4):
        head.append(b"abc")
    assert (bytes(head.data), head.dropped) == (b"abcab", 7)

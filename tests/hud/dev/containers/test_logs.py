"""What containers print reaches the terminal once, line by line."""

from __future__ import annotations

from hud.containers.output import Tail
from hud.dev.containers.logs import TailReader


def test_whole_lines_are_read_once() -> None:
    tail = Tail()
    reader = TailReader(tail)
    tail.append(b"one\ntw")
    assert reader.read() == ["one"]
    assert reader.read() == []
    tail.append(b"o\nthree\n")
    assert reader.read() == ["two", "three"]


def test_a_stream_that_lost_its_beginning_is_taken_up_where_it_was_left() -> None:
    tail = Tail(limit=4000)
    reader = TailReader(tail)
    tail.append(b"".join(b"line %d\n" % number for number in range(400)))
    reader.read()
    tail.append(b"".join(b"later %d\n" % number for number in range(100)))
    assert reader.read() == [f"later {number}" for number in range(100)]


def test_more_than_is_kept_is_read_as_far_as_it_is() -> None:
    tail = Tail(limit=100)
    reader = TailReader(tail)
    tail.append(b"first\n")
    reader.read()
    tail.append(b"x\n" * 5000)
    assert set(reader.read()) == {"x"}

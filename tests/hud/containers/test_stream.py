"""The engine's framed streams are taken apart, however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hud.containers.stream import Demultiplexer
from hud.errors import DockerFailure

FRAMES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=8)


def framed(frames: list[tuple[int, bytes]]) -> bytes:
    return b"".join(
        bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in frames
    )


@given(frames=FRAMES, cuts=st.lists(st.integers(0, 400), max_size=6))
def test_frames_come_out_whole_wherever_the_bytes_are_cut(
    frames: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    data = framed(frames)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    demultiplexer = Demultiplexer()
    pieces = [
        piece for start, end in pairwise(places) for piece in demultiplexer.feed(data[start:end])
    ]
    for stream in (1, 2):
        sent = b"".join(data for number, data in frames if number == stream)
        assert b"".join(data for number, data in pieces if number == stream) == sent


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK", b"\x03\0\0\0\0\0\0\1x", b"\1\0\1\0\0\0\0\1x"])
def test_bytes_that_are_not_framed_are_refused(data: bytes) -> None:
    with pytest.raises(DockerFailure, match="stream"):
        list(Demultiplexer().feed(data))

"""A rollout's process as its parent knows it."""

from __future__ import annotations

import asyncio
import os

import pytest

from hud.runtime.child import LOG_LIMIT, Child, Output
from hud.runtime.exits import describe_status

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with exit status 0"),
        (3, "ended with exit status 3"),
        (-9, "ended with SIGKILL (killed; out of memory?)"),
        (-15, "ended with SIGTERM"),
        (-64, "ended with SIGRTMAX"),
        (-45, "ended with signal 45"),
        (None, "closed its connection"),
    ],
)
def test_an_exit_status_is_told_in_words(status: int | None, words: str) -> None:
    assert describe_status(status) == words


async def test_the_end_of_the_output_is_kept_and_the_rest_is_forgotten() -> None:
    read_end, write_end = os.pipe()
    output = Output(read_end)
    for block in (b"a" * LOG_LIMIT, b"b" * LOG_LIMIT, b"the end"):
        await asyncio.to_thread(os.write, write_end, block)
    os.close(write_end)
    output.finish()
    assert len(output.text) == LOG_LIMIT
    assert output.text.endswith("bthe end")


async def test_what_is_in_the_pipe_at_the_end_is_taken_though_its_other_side_is_open() -> None:
    read_end, write_end = os.pipe()
    output = Output(read_end)
    os.write(write_end, "half a charact\u00e9r"[:-1].encode()[:-1])
    output.finish()
    assert output.text == "half a charact\ufffd"
    with pytest.raises(BrokenPipeError):
        os.write(write_end, b"more")
    os.close(write_end)
    output.finish()


async def test_the_obituary_carries_what_the_process_printed_last() -> None:
    read_end, write_end = os.pipe()
    child = Child(1.0, Output(read_end))
    os.write(write_end, b"Traceback: no words")
    child.mark_exited(1)
    obituary = await asyncio.wait_for(child.obituary(), 5)
    assert obituary.message == "the environment's process ended with exit status 1"
    assert obituary.detail == "Traceback: no words"
    os.close(write_end)

"""Programs that run to their end, and what is kept of their output."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hud.errors import ToolError
from hud.tools.system.capture import Capture, Stream
from hud.tools.system.process import Command, run
from hud.tools.utils import run as published_run
from tests.hud.tools.calling import LIMIT, ends


@pytest.mark.anyio
async def test_input_output_and_status_are_passed_on() -> None:
    done = await run(Command(["sh", "-c", "cat; echo err >&2; exit 3"]), given=b"in")
    assert (done.stdout, done.stderr, done.status) == ("in", "err\n", 3)


@pytest.mark.anyio
async def test_what_a_program_leaves_behind_is_killed() -> None:
    done = await run(Command(["sh", "-c", "sleep 60 & echo $!"]), timeout=LIMIT)
    assert ends(int(done.stdout))


@pytest.mark.anyio
async def test_a_program_that_takes_too_long_is_killed_with_its_group() -> None:
    done = await run(Command(["sh", "-c", "sleep 60 & echo $!; sleep 60"]), timeout=0.5)
    assert done.timed_out
    assert ends(int(done.stdout))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Command(["no-such-program"]), "cannot run `no-such-program`: No such file"),
        (Command(["true"], cwd="/no/such"), "cannot run `/no/such`: No such file"),
        (Command([str(Path(__file__))]), "Permission denied"),
    ],
)
async def test_a_program_that_cannot_be_started_says_why(command: Command, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        await run(command)


@pytest.mark.anyio
async def test_the_published_function_takes_a_text_or_words() -> None:
    assert await published_run("echo hi; exit 3") == (3, "hi\n", "")
    assert await published_run(["cat"], input="in") == (0, "in", "")
    with pytest.raises(TimeoutError):
        await published_run("sleep 60", timeout=0.2)


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50))
def test_beginning_and_end_are_kept_however_the_bytes_come(chunks: list[bytes], limit: int) -> None:
    capture, whole = Capture(limit), b"".join(chunks).decode("latin-1").encode("ascii", "replace")
    position = 0
    for chunk in chunks:
        capture.add(whole[position : position + len(chunk)])
        position += len(chunk)
    kept, text = max(limit // 2, 1), whole.decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    if len(whole) <= 2 * kept:
        assert capture.text() == text
    else:
        omitted = len(whole) - 2 * kept
        note = f"\n[… {omitted:,} bytes left out …]\n"
        assert capture.text() == text[:kept] + note + text[-kept:]


@given(st.data())
def test_a_marker_is_found_wherever_the_bytes_are_cut(data: st.DataObject) -> None:
    said = b"out\x1e\x1eTOKE\x1e" + b"\x1eTOKEN\x1e3\x1e" + b"later"
    stream = Stream()
    stream.expect("TOKEN")
    while said:
        cut = data.draw(st.integers(1, len(said)))
        stream.feed(said[:cut])
        said = said[cut:]
    assert (stream.is_marked, stream.status) == (True, 3)
    assert stream.text() == "out\x1e\x1eTOKE\x1e"
    stream.expect("NEXT")
    assert stream.text() == "later"

"""Bodies are taken as far as they fit, and waited for as long as they come."""

from __future__ import annotations

from collections.abc import Iterable

import anyio
import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from controller.security.guard import bounded

pytestmark = pytest.mark.anyio


def coming(*pieces: bytes) -> Receive:
    """A body that comes in pieces, and then nothing."""
    messages: Iterable[Message] = iter(
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    )

    async def receive() -> Message:
        for message in messages:
            return message
        await anyio.sleep_forever()
        raise AssertionError

    return receive


async def test_a_body_that_fits_is_passed_on() -> None:
    receive = bounded(coming(b"12", b"34"), limit=4)
    assert [(await receive())["body"], (await receive())["body"]] == [b"12", b"34"]


async def test_a_body_ends_where_it_becomes_too_large() -> None:
    receive = bounded(coming(b"12", b"345"), limit=4)
    await receive()
    with pytest.raises(HTTPException) as caught:
        await receive()
    assert caught.value.status_code == 413


async def test_a_client_that_falls_silent_is_not_waited_for() -> None:
    receive = bounded(coming(), limit=4, seconds=0.01)
    with anyio.fail_after(10), pytest.raises(HTTPException) as caught:
        await receive()
    assert caught.value.status_code == 408


async def test_after_the_body_the_client_may_be_silent() -> None:
    receive = bounded(coming(b"12"), limit=4, seconds=0.01)
    await receive()
    with anyio.move_on_after(0.1) as waiting:
        await receive()
    assert waiting.cancelled_caught

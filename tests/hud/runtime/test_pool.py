"""Warm things are opened ahead, handed out once, and always closed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from hud.runtime.pool import Pool

pytestmark = pytest.mark.anyio


@dataclass
class Shelf:
    """Opens numbers, and knows which are open."""

    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    open: set[int] = field(default_factory=set)
    bad: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[int]:
        number = next(self.numbers)
        if number in self.broken:
            raise OSError(f"number {number} is broken")
        self.open.add(number)
        try:
            yield number
        finally:
            self.open.discard(number)

    def pool(self, size: int = 2) -> Pool[int]:
        return Pool(self.take, is_good=lambda number: number not in self.bad, size=size)


async def test_as_many_are_opened_ahead_as_will_be_taken_and_no_more() -> None:
    shelf = Shelf()
    pool = shelf.pool(size=2)
    pool.expect(3)
    assert pool.ahead == 2
    async with pool.take() as first, pool.take() as second:
        assert (first, second, pool.ahead) == (1, 2, 1)
    async with pool.take() as third:
        assert (third, pool.ahead) == (3, 0)
    assert shelf.open == set()
    await pool.aclose()


async def test_each_is_handed_out_once_and_closed_by_its_taker() -> None:
    shelf = Shelf()
    pool = shelf.pool()
    pool.expect(20)
    taken: list[int] = []

    async def use() -> None:
        async with pool.take() as number:
            taken.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(use() for _ in range(20)))
    assert sorted(taken) == list(range(1, 21))
    assert (shelf.open, pool.ahead) == (set(), 0)
    await pool.aclose()


async def test_one_that_went_bad_while_it_waited_is_replaced() -> None:
    shelf = Shelf(bad={1})
    pool = shelf.pool()
    assert await pool.peek() == 1
    async with pool.take() as number:
        assert number == 2
        assert shelf.open == {2}
    await pool.aclose()


async def test_one_that_cannot_be_opened_fails_its_taker_and_no_other() -> None:
    pool = Shelf(broken={1}).pool()
    pool.expect(2)
    with pytest.raises(OSError, match="number 1 is broken"):
        async with pool.take():
            pass
    async with pool.take() as number:
        assert number == 2
    await pool.aclose()


async def test_closing_ends_what_is_open_and_what_is_being_opened() -> None:
    shelf = Shelf()
    pool = shelf.pool(size=3)
    pool.expect(3)
    await pool.peek()
    await pool.aclose()
    assert (shelf.open, pool.ahead) == (set(), 0)


async def test_a_taker_that_gives_up_leaves_nothing_open() -> None:
    shelf = Shelf()
    pool = shelf.pool(size=1)
    with anyio.move_on_after(0.02):
        async with pool.take():
            await anyio.sleep_forever()
    assert shelf.open == set()
    await pool.aclose()

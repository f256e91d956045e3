"""Blocks of `hud.eval` over many rollouts, in the shapes in which authors write them.

Each function takes tasks whose answer is the letter's count, and returns what it saw.
"""

# hud.eval is a module that can be called, which mypy does not know.

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import hud
from hud import Task
from hud.eval.context import EvalContext

Tasks = list[Task]
LETTER = "r"


def count(ctx: EvalContext) -> str:
    """The right answer to a prompt of the letter counter."""
    letter, word = ctx.prompt.split("'")[1::2]
    return str(word.count(letter))


async def in_a_function(tasks: Tasks) -> Any:
    async with hud.eval(tasks, group=2) as ctx:
        await ctx.submit(count(ctx))
    return [result.reward for result in ctx.results]


async def nested_in_other_blocks(tasks: Tasks) -> Any:
    seen = []
    for _ in range(1):
        try:
            if tasks:
                with contextlib.suppress(KeyError):
                    async with asyncio.timeout(30):
                        async with hud.eval(tasks, group=2) as ctx:
                            if ctx.prompt:
                                seen.append(ctx.index)
                                await ctx.submit(count(ctx))
        finally:
            rewards = [result.reward for result in ctx.results]
    assert sorted(seen) == sorted([0, 1] * len(tasks))
    return rewards


async def assigning_outer_names(tasks: Tasks) -> Any:
    total, last, messages = 0, None, ["base"]
    async with hud.eval(tasks, group=2) as ctx:
        messages = [*messages, ctx.prompt]
        await asyncio.sleep(0)
        last = answer = count(ctx)
        total += 1
        total += await one()
        await ctx.submit(answer if len(messages) == 2 else "")
    assert (total, answer, len(messages)) == (4 * len(tasks), last, 2)
    return [result.reward for result in ctx.results]


async def one() -> int:
    await asyncio.sleep(0)
    return 1


async def with_texts_of_many_lines(tasks: Tasks) -> Any:
    if True:
        async with hud.eval(
            tasks,
            group=2,
        ) as ctx:
            text = """\
first
    second
  third"""
            assert text.splitlines() == ["first", "    second", "  third"]
            await ctx.submit(f"""{count(ctx)}""")
    return [result.reward for result in ctx.results]


async def on_one_line(tasks: Tasks) -> Any:
    async with hud.eval(tasks, group=2) as ctx: await ctx.submit(count(ctx))  # fmt: skip # noqa: E701
    return [result.reward for result in ctx.results]


@contextlib.asynccontextmanager
async def noted(journal: list[str]) -> AsyncIterator[list[str]]:
    journal.append("in")
    yield journal
    journal.append("out")


async def among_other_managers(tasks: Tasks) -> Any:
    around: list[str] = []
    inside: list[str] = []
    async with noted(around), hud.eval(tasks, group=2) as ctx, noted(inside) as notes:
        notes.append("body")
        await ctx.submit(count(ctx))
    assert around == ["in", "out"]
    assert sorted(inside) == sorted(["in", "body", "out"] * 2 * len(tasks))
    return [result.reward for result in ctx.results]


async def with_functions_and_comprehensions(tasks: Tasks) -> Any:
    letter, calls = LETTER, 0

    def called() -> None:
        nonlocal calls
        calls += 1

    async with hud.eval(tasks, group=2) as ctx:
        before = calls
        called()
        assert calls == before + 1
        found = [char for char in ctx.prompt.split("'")[3] if char == letter]
        give: Callable[[], str] = lambda: str(len(found))  # noqa: E731
        await ctx.submit(give())
    assert calls == 2 * len(tasks)
    return [result.reward for result in ctx.results]


class Parent:
    def answer(self, ctx: EvalContext) -> str:
        return count(ctx)


class Runner(Parent):
    __hidden = "secret"

    def __init__(self) -> None:
        self.seen = 0

    async def in_a_method(self, tasks: Tasks) -> Any:
        async with hud.eval(tasks, group=2) as ctx:
            self.seen += 1
            assert self.__hidden == "secret"
            await ctx.submit(super().answer(ctx))
        assert self.seen == 2 * len(tasks)
        return [result.reward for result in ctx.results]


async def in_a_method(tasks: Tasks) -> Any:
    return await Runner().in_a_method(tasks)


async def two_blocks_in_one_function(tasks: Tasks) -> Any:
    async with hud.eval(tasks, group=2) as first:
        await first.submit("wrong")
    async with hud.eval(tasks, group=2) as second:
        await second.submit(count(second))
    assert [result.reward for result in first.results] == [0.0] * 2 * len(tasks)
    return [result.reward for result in second.results]


async def ending_a_run_early(tasks: Tasks) -> Any:
    async with hud.eval(tasks, group=2) as ctx:
        for attempt in range(3):
            if attempt == 1:
                break
            continue
        await ctx.submit(count(ctx))
        if attempt:
            return None
        await ctx.submit("never")
    return [result.reward for result in ctx.results]


async def without_a_name(tasks: Tasks) -> Any:
    entered = []
    block = hud.eval(tasks, group=2)
    async with block:
        entered.append(1)
    assert len(entered) == 2 * len(tasks)
    return [1.0] * len(entered)


async def inside_another(tasks: Tasks) -> Any:
    inner_rewards: list[Any] = []
    async with hud.eval(tasks, group=2) as ctx:
        async with hud.eval(tasks, variants={"again": [1, 2]}) as inner:
            await inner.submit(count(inner))
        inner_rewards += [inner.reward]
        await ctx.submit(count(ctx))
    assert inner_rewards == [1.0] * 2 * len(tasks)
    return [result.reward for result in ctx.results]


SHAPES = [
    in_a_function,
    nested_in_other_blocks,
    assigning_outer_names,
    with_texts_of_many_lines,
    on_one_line,
    among_other_managers,
    with_functions_and_comprehensions,
    in_a_method,
    two_blocks_in_one_function,
    ending_a_run_early,
    without_a_name,
    inside_another,
]

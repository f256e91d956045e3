"""`async with hud.eval(...)` over many rollouts runs its body once for each."""

# hud.eval is a module that can be called, which mypy does not know.

from __future__ import annotations

import ast
import asyncio
import linecache
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

import hud
from hud import Task
from hud.errors import UserError
from tests.hud.eval.conftest import letters
from tests.hud.eval.shapes import SHAPES, count

pytestmark = pytest.mark.anyio


def tasks(*words: str) -> list[Task]:
    env = letters()
    return [env("count", word=word, letter="r") for word in words or ("strawberry", "raspberry")]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
async def test_a_body_of_any_shape_is_run_once_for_each_rollout(
    shape: Callable[[list[Task]], Awaitable[Any]],
) -> None:
    async with asyncio.timeout(60):
        assert await shape(tasks()) == [1.0] * 4
    assert sys.gettrace() is None


async def test_results_are_in_order_and_say_which_run_they_are() -> None:
    both = tasks()
    async with hud.eval(both, name="mine", variants={"model": ["a", "b"]}, group=2) as ctx:
        assert ctx.eval_name == "mine"
        await ctx.submit(count(ctx) if ctx.variants["model"] == "a" else "none")
    told = [(result.task, result.variants["model"], result.index) for result in ctx.results]
    assert told == [(task, model, index) for task in both for model in "ab" for index in (0, 1)]
    assert [result.reward for result in ctx.results] == [1.0, 1.0, 0.0, 0.0] * 2
    assert ctx.reward == 0.5
    assert len({result.group_id for result in ctx.results}) == 2
    assert len({result.trace_id for result in ctx.results}) == 8
    assert len({result.job_id for result in ctx.results}) == 1


async def test_no_more_rollouts_run_at_a_time_than_asked_for() -> None:
    now, most = [], [0]
    async with hud.eval(tasks("r"), group=9, max_concurrent=3) as ctx:
        now.append(ctx.index)
        most.append(len(now))
        for _ in range(20):
            await asyncio.sleep(0)
        now.remove(ctx.index)
    assert max(most) == 3


async def test_group_ids_are_given_for_each_rollout() -> None:
    async with hud.eval(tasks("r"), group=2, group_ids=["one", "two"]) as ctx:
        pass
    assert [result.group_id for result in ctx.results] == ["one", "two"]
    with pytest.raises(UserError, match="1 group_ids for 2 rollouts"):
        hud.eval(tasks("r"), group=2, group_ids=["one"])


async def test_a_run_that_raises_is_told_and_the_others_go_on() -> None:
    async with hud.eval(tasks("r", "rr")) as ctx:
        assert "'rr'" not in ctx.prompt, "too long"
        await ctx.submit("1")
    assert [result.reward for result in ctx.results] == [1.0, None]
    assert "AssertionError: too long" in str(ctx.results[1].error)
    assert ctx.error is ctx.results[1].error
    assert ctx.reward == 1.0


async def test_without_tasks_the_body_is_run_for_each_variant() -> None:
    async with hud.eval(variants={"n": [1, 2, 3]}) as ctx:
        ctx.reward = ctx.variants["n"] / 4
    assert [(result.reward, result.error) for result in ctx.results] == [
        (0.25, None),
        (0.5, None),
        (0.75, None),
    ]
    assert ctx.reward == 0.5


async def test_one_rollout_is_its_own_only_result() -> None:
    async with hud.eval(tasks("r"), variants={"model": "a"}) as ctx:
        await ctx.submit("1")
    assert ctx.results == [ctx]
    assert (ctx.reward, ctx.variants) == (1.0, {"model": "a"})


async def yields(given: list[Task]) -> Any:
    async with hud.eval(given) as ctx:
        yield ctx


async def leaves_a_loop(given: list[Task]) -> Any:
    for _ in range(2):
        async with hud.eval(given) as ctx:
            if ctx:
                continue


async def names_an_attribute(given: list[Task]) -> Any:
    place: Any = type("Place", (), {})()
    async with hud.eval(given) as place.ctx:
        pass


async def entered_elsewhere(given: list[Task]) -> Any:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(hud.eval(given))


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (leaves_a_loop, r"it leaves a loop around it in line \d+"),
        (names_an_attribute, "`as place.ctx` is no plain name"),
        (entered_elsewhere, "it is not entered by an `async with` of its own"),
    ],
)
async def test_a_body_that_cannot_run_by_itself_is_refused_with_the_function_form(
    block: Callable[[list[Task]], Awaitable[Any]], reason: str
) -> None:
    with pytest.raises(UserError, match=reason) as refusal:
        await block(tasks())
    assert "hud.eval.evaluate(tasks, loop" in (refusal.value.hint or "")
    assert refusal.value.__notes__ == [f"hint: {refusal.value.hint}"]


async def test_a_body_that_yields_is_refused() -> None:
    with pytest.raises(UserError, match=r"it yields in line \d+"):
        await anext(yields(tasks()))


SOURCE = """
async def cell(hud, tasks, count):
    async with hud.eval(tasks) as ctx:
        await ctx.submit(count(ctx))
    return ctx.reward
"""


async def test_without_source_the_function_form_is_shown() -> None:
    space: dict[str, Any] = {}
    exec(compile(SOURCE, "<nowhere>", "exec"), space)
    with pytest.raises(UserError, match="there is no source") as refusal:
        await space["cell"](hud, tasks(), count)
    assert "hud.eval.evaluate(tasks, loop" in (refusal.value.hint or "")


CELL = """
total = 0
async with hud.eval(tasks, group=2) as ctx:
    answer = count(ctx)
    total += 1
    await ctx.submit(answer)
rewards = [result.reward for result in ctx.results]
"""


async def test_a_notebooks_cell_is_found_where_notebooks_put_it() -> None:
    name = "<ipython-input-1-abc>"
    linecache.cache[name] = (len(CELL), None, CELL.splitlines(keepends=True), name)
    space: dict[str, Any] = {"hud": hud, "tasks": tasks(), "count": count}
    code = compile(CELL, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    await eval(code, space)
    assert (space["rewards"], space["total"], space["answer"]) == ([1.0] * 4, 4, "3")


async def test_a_tracer_that_was_there_is_there_afterwards() -> None:
    lines: list[int] = []

    def tracer(frame: Any, event: str, arg: Any) -> Any:
        lines.append(frame.f_lineno)
        return tracer

    sys.settrace(tracer)
    try:
        async with hud.eval(tasks()) as ctx:
            await ctx.submit(count(ctx))
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(None)
    assert ctx.reward == 1.0

"""`hud.trace` and `hud.instrument`, as code for a hosted service calls them."""

# hud.eval is a module that can be called, which mypy does not know.

from __future__ import annotations

import pytest

import hud
from hud import instrument
from hud.telemetry import flush, trace
from tests.hud.eval.conftest import strawberry

pytestmark = pytest.mark.anyio


def test_a_trace_is_a_block_with_a_name() -> None:
    with pytest.warns(DeprecationWarning, match=r"use hud\.eval"):
        block = trace("my work", job_id="j")
    with block as ctx:
        pass
    assert (ctx.eval_name, ctx.job_id, ctx.error) == ("my work", "j", None)


async def test_a_trace_of_a_task_is_its_evaluation() -> None:
    with pytest.warns(DeprecationWarning, match="use hud"):
        block = hud.trace(strawberry())
    async with block as ctx:
        await ctx.submit("3")
    assert ctx.reward == 1.0


async def test_a_trace_tells_what_was_raised_in_it() -> None:
    with pytest.warns(DeprecationWarning, match="use hud"):
        block = hud.trace("work")
    with pytest.raises(ZeroDivisionError):
        async with block as ctx:
            raise ZeroDivisionError
    assert isinstance(ctx.error, ZeroDivisionError)


def test_an_instrumented_function_stays_as_it_is() -> None:
    def work() -> int:
        return 3

    assert instrument(work) is work
    assert instrument(name="work", record_args=False)(work) is work
    flush()

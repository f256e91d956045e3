"""Running a dataset with an agent that is named."""

from __future__ import annotations

import asyncio

import pytest

from hud.datasets import run_dataset, run_single_task
from hud.errors import UserError
from hud.types import MCPToolCall
from tests.hud.eval.conftest import ENV, Write, letters, strawberry

pytestmark = pytest.mark.anyio


def answered(answer: str) -> list[MCPToolCall]:
    return [MCPToolCall(name="submit", arguments={"answer": answer})]


async def test_every_task_is_run_as_often_as_asked_and_told_in_order() -> None:
    right, wrong = strawberry(), strawberry(letters())
    right.validation, wrong.validation = answered("3"), answered("4")
    async with asyncio.timeout(30):
        contexts = await run_dataset([right, wrong], "oracle", group_size=2, max_concurrent=2)
    assert [ctx.reward for ctx in contexts] == [1.0, 1.0, 0.0, 0.0]
    assert [ctx.task for ctx in contexts] == [right, right, wrong, wrong]


@pytest.mark.usefixtures("clean_imports")
async def test_a_file_is_loaded_first(write: Write) -> None:
    folder = write(
        {"env.py": ENV, "data.jsonl": '{"scenario": "letters:count", "args": {"word": "r"}}'}
    )
    (ctx,) = await run_dataset(str(folder / "data.jsonl"), "nop", agent_params={}, quiet=True)
    assert (ctx.reward, ctx.error) == (0.0, None)


async def test_a_single_task_gives_its_trace() -> None:
    task = strawberry()
    task.validation = answered("3")
    trace = await run_single_task(task, agent_type="oracle", max_steps=3, trace_name="x")
    assert (trace.reward, trace.content, trace.isError) == (1.0, "3", False)


async def test_a_single_task_that_fails_gives_the_reason() -> None:
    task = strawberry()
    task.validation = [MCPToolCall(name="nosuch", arguments={})]
    trace = await run_single_task(task, agent_type="integration_test")
    assert (trace.reward, trace.isError) == (None, True)
    assert "`nosuch`" in (trace.error or "")


async def test_an_unknown_option_or_agent_is_refused() -> None:
    with pytest.raises(UserError, match="no option `max_step`"):
        await run_dataset(strawberry(), "oracle", max_step=3)
    with pytest.raises(UserError, match="no agent"):
        await run_dataset(strawberry(), "orakle")

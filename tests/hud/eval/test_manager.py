"""`hud.eval` for one rollout of an author's own loop, `evaluate` for many."""

# hud.eval is a module that can be called, which mypy does not know.

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

import hud
from hud import Environment, Task
from hud.errors import GradingFailure, SetupFailure, ToolError, UserError
from hud.eval import evaluate
from hud.eval.context import EvalContext
from tests import fake_provider
from tests.command import Command
from tests.hud.eval.conftest import Scenario, letters, strawberry

pytestmark = pytest.mark.anyio


def witness(steps: list[str], reward: Any = 1.0) -> Environment:
    """An environment that notes what is done with its only scenario."""
    env = Environment("witness")

    @env.scenario("watched")
    async def watched() -> Scenario:
        steps.append("setup")
        try:
            answer = yield "Say something."
            steps.append(f"graded {answer}")
            if isinstance(reward, Exception):
                raise reward
            yield reward
        finally:
            steps.append("closed")

    return env


async def test_the_seed_pages_loop_with_the_real_client(provider: fake_provider.Running) -> None:
    client = openai.AsyncOpenAI(base_url=provider.openai_url, api_key="k")
    async with client, hud.eval(strawberry()) as ctx:
        response = await client.chat.completions.create(
            model="gpt-4o~direct",
            messages=[{"role": "user", "content": ctx.prompt}],
            tools=ctx.as_openai_chat_tools(),  # type: ignore[arg-type]  # plain dicts, as on the page
        )
        await ctx.submit(response.choices[0].message.content)
    assert ctx.reward == 1.0
    assert ctx.success


async def test_a_loop_with_tool_calls_and_the_real_client(provider: fake_provider.Running) -> None:
    client = openai.AsyncOpenAI(base_url=provider.openai_url, api_key="k")
    async with client, hud.eval(strawberry()) as ctx:
        messages: list[Any] = [{"role": "user", "content": ctx.prompt}]
        while not ctx.is_submitted:
            response = await client.chat.completions.create(
                model="gpt-4o",
                messages=messages,
                tools=ctx.as_openai_chat_tools(),  # type: ignore[arg-type]  # as above
            )
            said = response.choices[0].message
            messages.append(said)
            for call in said.tool_calls or ():
                messages.append(await ctx.call_tool(call))
            if not said.tool_calls:
                await ctx.submit(said.content)
    assert ctx.reward == 1.0
    assert [step.name for step in ctx.trace.steps] == ["setup", "count_letter", "grade"]


async def test_before_inside_and_after_the_block() -> None:
    async with hud.eval(strawberry(), name="mine", trace_id="t1") as ctx:
        assert ctx.prompt == "How many 'r' in 'strawberry'?"
        assert ctx.system_prompt is None
        assert (ctx.reward, ctx.evaluation_result) == (None, None)
        counted = await ctx.call_tool("count_letter", text="strawberry", letter="r")
        assert counted.value == 3
        with pytest.raises(ToolError, match="nosuch"):
            await ctx.call_tool("nosuch")
        await ctx.submit("3")
    assert (ctx.eval_name, ctx.trace_id) == ("mine", "t1")
    assert ctx.evaluation_result is not None
    assert ctx.evaluation_result.reward == ctx.trace.reward == ctx.reward == 1.0


async def test_without_an_answer_the_scenario_hears_none() -> None:
    steps: list[str] = []
    async with hud.eval(witness(steps, 0.25)("watched")) as ctx:
        pass
    assert steps == ["setup", "graded None", "closed"]
    assert ctx.reward == 0.25


@pytest.mark.parametrize("reward", [ValueError("no key"), float("nan"), "much"])
async def test_a_grading_that_fails_is_told_after_the_block(reward: Any) -> None:
    steps: list[str] = []
    async with hud.eval(witness(steps, reward)("watched")) as ctx:
        await ctx.submit("x")
    assert isinstance(ctx.error, GradingFailure)
    assert "`watched`" in ctx.error.message
    assert (ctx.reward, ctx.success, ctx.trace.isError) == (None, False, True)
    assert steps[-1] == "closed"


async def test_an_exception_in_the_block_passes_and_nothing_is_graded() -> None:
    steps: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with hud.eval(witness(steps)("watched")) as ctx:
            await ctx.submit(str(1 // 0))
    assert steps == ["setup", "closed"]
    assert isinstance(ctx.error, ZeroDivisionError)
    assert ctx.reward is None


async def test_a_cancelled_block_closes_the_scenario() -> None:
    steps: list[str] = []

    async def play() -> None:
        async with hud.eval(witness(steps)("watched")):
            entered.set()
            await asyncio.sleep(600)

    entered = asyncio.Event()
    task = asyncio.create_task(play())
    await asyncio.wait_for(entered.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert steps == ["setup", "closed"]


async def test_a_scenario_that_fails_before_its_prompt_raises_on_entering() -> None:
    env = Environment("broken")

    @env.scenario("broken")
    async def broken() -> Scenario:
        words: list[str] = []
        yield words[0]

    with pytest.raises(SetupFailure, match="IndexError"):
        async with hud.eval(env("broken")):
            raise AssertionError("the block must not run")


async def test_it_nests_in_other_context_managers_in_any_order() -> None:
    @asynccontextmanager
    async def resource() -> Any:
        async with asyncio.TaskGroup():
            yield "open"

    async with (
        resource(),
        hud.eval(strawberry()) as outer,
        asyncio.timeout(5),
        hud.eval(strawberry()) as inner,
    ):
        await outer.submit("0")
        await inner.submit("3")
    assert (outer.reward, inner.reward) == (0.0, 1.0)


async def test_rollouts_of_one_environment_do_not_mix_their_scenarios() -> None:
    env = letters()

    async def play(word: str, answer: str) -> Any:
        async with hud.eval(env("count", word=word, letter="a")) as ctx:
            await asyncio.sleep(0)
            await ctx.submit(answer)
        return ctx.reward

    words = {"a": "1", "aa": "2", "aaa": "0"}
    rewards = await asyncio.gather(*(play(word, answer) for word, answer in words.items()))
    assert rewards == [1.0, 1.0, 0.0]


async def test_one_variant_is_handed_through() -> None:
    async with hud.eval([strawberry()], variants={"model": "a", "n": [1]}) as ctx:
        assert ctx.variants == {"model": "a", "n": 1}


async def test_something_else_than_a_task_is_refused() -> None:
    with pytest.raises(UserError, match="takes tasks, not str"):
        async with hud.eval(["strawberry-r"]):  # type: ignore[list-item]  # the mistake
            pass


async def test_a_blank_evaluation_offers_nothing_and_says_so() -> None:
    async with hud.eval() as ctx:
        assert ctx.prompt == ""
        with pytest.raises(UserError, match="no environment"):
            await ctx.call_tool("count_letter", text="x", letter="x")
    assert ctx.reward is None


async def test_a_template_without_arguments_cannot_be_played() -> None:
    with pytest.raises(SetupFailure, match="template"):
        async with hud.eval(Task(env=letters(), scenario="count")):
            pass


def test_it_works_in_one_line_of_python(python: Command) -> None:
    (python.cwd / "env.py").write_text(SCRIPT_ENV)
    ended = python("-c", SCRIPT)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", "1.0\n")


SCRIPT_ENV = """
from hud import Environment
env = Environment("e")

@env.scenario("say")
async def say():
    answer = yield "Say yes."
    yield float(answer == "yes")
"""
SCRIPT = """
import sys; sys.path.insert(0, ".")
import asyncio, hud
from env import say

async def main():
    async with hud.eval(say.task()) as ctx:
        await ctx.submit("yes")
    print(ctx.reward)

asyncio.run(main())
"""


async def answer_right(ctx: EvalContext) -> str:
    counted = await ctx.call_tool("count_letter", text=(ctx.task.args or {})["word"], letter="a")
    return str(counted.value)


async def test_a_loop_plays_every_task_variant_and_run_in_their_order() -> None:
    env = letters()
    tasks = [env("count", word=word, letter="a") for word in ("a", "aa")]
    variants = {"model": ["m", "n"], "temperature": 0}
    contexts = await evaluate(tasks, answer_right, variants=variants, group=2)
    played = [((ctx.task.args or {})["word"], ctx.variants["model"], ctx.index) for ctx in contexts]
    assert played == [(w, m, i) for w in ("a", "aa") for m in ("m", "n") for i in (0, 1)]
    assert [ctx.reward for ctx in contexts] == [1.0] * 8
    assert len({ctx.group_id for ctx in contexts}) == 2


async def test_a_loop_that_fails_is_data_and_the_others_go_on() -> None:
    env = letters()

    async def play(ctx: EvalContext) -> str:
        if ctx.index == 1:
            raise ZeroDivisionError("mine")
        if ctx.index == 2:
            await ctx.call_tool("nosuch")
        return "3"

    contexts = await evaluate(strawberry(env), play, group=4)
    assert [ctx.reward for ctx in contexts] == [1.0, None, None, 1.0]
    assert "ZeroDivisionError: mine" in str(contexts[1].error)
    assert "nosuch" in str(contexts[2].error)


async def test_what_the_loop_submits_wins_over_what_it_returns() -> None:
    async def play(ctx: EvalContext) -> str:
        await ctx.submit("3")
        return "done"

    (ctx,) = await evaluate(strawberry(), play)
    assert (ctx.answer, ctx.reward) == ("3", 1.0)


async def test_a_loop_that_takes_too_long_is_ended() -> None:
    async def play(ctx: EvalContext) -> None:
        await asyncio.sleep(600 if ctx.index else 0)

    fast, slow = await evaluate(strawberry(), play, group=2, timeout=0.3)
    assert fast.reward == 0.0
    assert "took longer than 0.3 s" in str(slow.error)


async def test_no_more_loops_run_at_a_time_than_asked_for() -> None:
    running, most = 0, 0

    async def play(ctx: EvalContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    await evaluate(strawberry(), play, group=9, max_concurrent=3)
    assert most == 3


async def test_an_environment_is_initialized_once_before_its_first_rollout() -> None:
    steps: list[str] = []
    env = witness(steps)

    @env.initialize
    async def prepare() -> None:
        await asyncio.sleep(0.02)
        steps.append("ready")

    @env.shutdown
    async def finish() -> None:
        steps.append("over")

    contexts = await evaluate(env("watched"), lambda ctx: ctx.submit("x"), group=5)
    assert [ctx.reward for ctx in contexts] == [1.0] * 5
    assert (steps[0], steps[-1]) == ("ready", "over")
    assert (steps.count("ready"), steps.count("over")) == (1, 1)


async def test_an_environment_that_cannot_start_fails_each_rollout() -> None:
    env = witness([])

    @env.initialize
    async def prepare() -> None:
        raise OSError("no disk")

    contexts = await evaluate(env("watched"), lambda ctx: ctx.submit("x"), group=3)
    assert [str(ctx.error).count("no disk") for ctx in contexts] == [1, 1, 1]


async def test_a_connected_server_serves_rollouts_that_end_in_any_order() -> None:
    env = Environment("front")
    env.connect_server(letters())

    @env.scenario("ask")
    async def ask() -> Scenario:
        answer = yield "How many?"
        yield float(answer == "3")

    async def play(ctx: EvalContext) -> str:
        await asyncio.sleep(0.01 * (3 - ctx.index))
        counted = await ctx.call_tool("count_letter", text="strawberry", letter="r")
        return str(counted.value)

    contexts = await evaluate(env("ask"), play, group=3)
    assert [ctx.reward for ctx in contexts] == [1.0, 1.0, 1.0]


async def test_no_task_is_no_rollout() -> None:
    assert await evaluate([], answer_right) == []


async def test_a_task_without_its_environment_cannot_run() -> None:
    with pytest.raises(UserError, match="needs the environment `else`, which is not here"):
        await evaluate(Task(env="else", scenario="count", args={}), answer_right)

"""One rollout: where it can fail, what is recorded then, and `task.run`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hud import Environment, Task
from hud.agents.openai_chat import OpenAIChatAgent
from hud.agents.scripted import ScriptedAgent
from hud.errors import ProviderFailure, UserError
from hud.eval.context import EvalContext
from hud.eval.rollout import Outcome, Rollout, run_rollout
from hud.runtime.local import LocalRuntime
from hud.types import MCPToolCall
from tests import fake_provider
from tests.command import Command
from tests.hud.eval.conftest import Scenario, letters, strawberry

pytestmark = pytest.mark.anyio


async def played(task: Task, play: Any, **fields: Any) -> Outcome:
    runtime = LocalRuntime()
    try:
        return await run_rollout(Rollout("job", task, "mine", 0, play, **fields), runtime)
    finally:
        await runtime.aclose()


async def answer(ctx: EvalContext) -> None:
    await ctx.call_tool("count_letter", text="strawberry", letter="r")
    await ctx.submit("3")


def faulty(where: str) -> Task:
    """A task whose environment fails at one boundary."""
    env = Environment("faulty")

    @env.initialize
    async def prepare() -> None:
        if where == "initialize":
            raise OSError("no disk")

    @env.scenario("faulty")
    async def scenario() -> Scenario:
        if where == "setup":
            raise ValueError("no words")
        yield "Say something."
        if where == "grading":
            raise ValueError("no key")
        yield 1.0

    return env("faulty")


async def test_a_rollout_is_recorded_with_everything_that_happened() -> None:
    outcome = await played(strawberry(), answer)
    record = outcome.record
    assert (record.status, record.reward, record.answer) == ("scored", 1.0, "3")
    assert record.id == f"{record.task}.mine.0"
    assert record.args == {"word": "strawberry", "letter": "r"}
    assert (record.tool_calls, record.model_calls) == (1, 0)
    assert list(record.timing) == ["start", "setup", "agent", "grading", "stop"]
    assert 0 < sum(record.timing.values()) <= record.seconds
    assert outcome.transcript.prompt == "How many 'r' in 'strawberry'?"
    assert [step.kind for step in outcome.transcript.steps] == [
        "environment",
        "tool",
        "environment",
    ]


@pytest.mark.parametrize(
    ("boundary", "reason"),
    [("initialize", "no disk"), ("setup", "no words"), ("grading", "no key")],
)
async def test_a_failing_environment_fails_the_rollout_at_its_boundary(
    boundary: str, reason: str
) -> None:
    record = (await played(faulty(boundary), lambda ctx: ctx.submit("x"))).record
    assert (record.status, record.boundary, record.reward) == ("failed", boundary, None)
    assert reason in (record.error or "")


async def test_the_authors_traceback_is_kept_and_none_of_ours() -> None:
    transcript = (await played(faulty("grading"), lambda ctx: ctx.submit("x"))).transcript
    assert 'raise ValueError("no key")' in (transcript.detail or "")
    assert "scenario_run.py" not in (transcript.detail or "")


async def fails(ctx: EvalContext) -> None:
    raise ZeroDivisionError("mine")


async def refused(ctx: EvalContext) -> None:
    raise ProviderFailure("openai answered 503: 5 things", hint="wait")


async def mistaken(ctx: EvalContext) -> None:
    raise UserError("no such thing", hint="another")


async def late(ctx: EvalContext) -> None:
    raise TimeoutError


@pytest.mark.parametrize(
    ("play", "boundary", "error", "hint"),
    [
        (fails, "agent", "the agent raised ZeroDivisionError: mine", None),
        (refused, "provider", "openai answered 503: 5 things", "wait"),
        (mistaken, "agent", "no such thing", "another"),
        (late, "agent", "the agent timed out", None),
    ],
)
async def test_a_failing_agent_is_not_graded(
    play: Any, boundary: str, error: str, hint: str | None
) -> None:
    record = (await played(strawberry(), play)).record
    assert (record.status, record.reward, record.answer) == ("failed", None, None)
    assert (record.boundary, record.error, record.hint) == (boundary, error, hint)
    assert "grading" not in record.timing


@pytest.mark.parametrize("where", ["setup", "agent", "grading"])
async def test_the_time_limit_ends_a_rollout_wherever_it_is(where: str) -> None:
    env = Environment("slow")

    @env.scenario("slow")
    async def slow() -> Scenario:
        await asyncio.sleep(600 if where == "setup" else 0)
        yield "Say something."
        await asyncio.sleep(600 if where == "grading" else 0)
        yield 1.0

    async def play(ctx: EvalContext) -> None:
        await asyncio.sleep(600 if where == "agent" else 0)

    record = (await played(env("slow"), play, timeout=0.2)).record
    assert (record.status, record.boundary, record.reward) == ("failed", "limit", None)
    assert record.error == "the rollout took longer than 0.2 s"
    assert where in record.timing


async def test_a_scenario_that_is_not_there_fails_its_rollout_only() -> None:
    record = (await played(Task(env=letters(), scenario="nosuch", args={}), answer)).record
    assert (record.status, record.boundary) == ("failed", "setup")
    assert "nosuch" in (record.error or "")


async def test_a_task_without_a_scenario_has_nothing_to_grade() -> None:
    record = (await played(Task(env=letters(), args={}), lambda ctx: ctx.submit("x"))).record
    assert (record.status, record.boundary) == ("failed", "setup")
    assert "names no scenario" in (record.error or "")


async def test_a_cancelled_rollout_cleans_up_and_passes_the_cancellation_on() -> None:
    closed, entered = [], asyncio.Event()
    env = Environment("held")

    @env.scenario("held")
    async def held() -> Scenario:
        try:
            yield "Say something."
            yield 1.0
        finally:
            closed.append(True)

    async def play(ctx: EvalContext) -> None:
        entered.set()
        await asyncio.sleep(600)

    running = asyncio.create_task(played(env("held"), play))
    await asyncio.wait_for(entered.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 5)
    assert closed == [True]


@pytest.mark.parametrize("reward", [2.5, -1.0])
async def test_a_finite_reward_outside_the_usual_is_kept(reward: float) -> None:
    env = Environment("odd")

    @env.scenario("odd")
    async def odd() -> Scenario:
        yield "Say something."
        yield reward

    with pytest.warns(UserWarning, match=r"outside \[0, 1\]"):
        record = (await played(env("odd"), lambda ctx: ctx.submit("x"))).record
    assert (record.status, record.reward) == ("scored", reward)


def solved() -> Task:
    task = strawberry()
    task.validation = [
        MCPToolCall(name="count_letter", arguments={"text": "strawberry", "letter": "r"}),
        MCPToolCall(name="submit", arguments={"answer": "3"}),
    ]
    return task


async def test_a_task_runs_with_an_agents_name() -> None:
    trace = await solved().run("oracle")
    assert (trace.reward, trace.isError, trace.content) == (1.0, False, "3")
    assert (await strawberry().run("nop")).reward == 0.0


async def test_a_task_runs_with_an_agent() -> None:
    call = MCPToolCall(name="count_letter", arguments={"text": "strawberry", "letter": "r"})
    trace = await strawberry().run(ScriptedAgent([call, "It is 3."]))
    assert (trace.reward, trace.content) == (1.0, "It is 3.")
    assert [step.kind for step in trace.steps] == [
        "environment",
        "model",
        "tool",
        "model",
        "environment",
    ]


async def test_a_task_runs_with_a_models_agent(provider: fake_provider.Running) -> None:
    agent = OpenAIChatAgent.create(model="any", base_url=provider.openai_url, api_key="k")
    trace = await strawberry().run(agent)
    assert (trace.reward, trace.usage.input_tokens) == (1.0, 2 * fake_provider.INPUT)


SCRIPT = """
import asyncio
from tests.hud.eval.conftest import strawberry

trace = asyncio.run(strawberry().run({model!r}))
print(trace.reward, trace.content)
"""


@pytest.mark.slow
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gpt-4o"])
def test_a_task_runs_with_a_models_name_and_the_keys_of_the_environment(
    python: Command, provider: fake_provider.Running, model: str
) -> None:
    keys = {"ANTHROPIC_API_KEY": "key", "OPENAI_API_KEY": "key"}
    urls = {"ANTHROPIC_BASE_URL": provider.url, "OPENAI_BASE_URL": provider.openai_url}
    ended = python.having(**keys, **urls)("-c", SCRIPT.format(model=model))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "1.0 The letter occurs 3 times.\n"


async def test_reaching_the_step_limit_is_recorded_and_graded_without_an_answer() -> None:
    call = MCPToolCall(name="count_letter", arguments={"text": "3", "letter": "3"})
    trace = await strawberry().run(ScriptedAgent([call] * 9), max_steps=2)
    assert (trace.reward, trace.done, trace.isError) == (0.0, False, False)
    assert trace.info["stop_reason"] == "max_steps"
    assert sum(step.kind == "model" for step in trace.steps) == 2


async def test_a_task_that_fails_returns_the_reason_and_no_reward() -> None:
    trace = await faulty("setup").run("nop")
    assert (trace.isError, trace.reward) == (True, None)
    assert "no words" in (trace.error or "")


@pytest.mark.parametrize(
    ("agent", "complaint"),
    [
        ("nosuch", "no agent and no known model is named `nosuch`"),
        ("claude-sonnet-4-5", "needs ANTHROPIC_API_KEY"),
        ("openai", "needs OPENAI_API_KEY"),
    ],
)
async def test_a_task_cannot_run_without_its_agent(agent: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as refusal:
        await strawberry().run(agent)
    assert refusal.value.hint

"""A rollout as the code that plays it sees it."""

# hud.eval is a module that can be called, which mypy does not know.

from __future__ import annotations

from typing import Any

import pytest

import hud
from hud import Environment, Task
from hud.errors import ToolError
from hud.eval.context import EvalContext
from hud.task import TaskAgentConfig
from tests.hud.eval.conftest import Scenario, strawberry

pytestmark = pytest.mark.anyio


def workshop() -> Environment:
    env = Environment("workshop")

    def named(name: str) -> None:
        @env.tool(name=name)
        def tool() -> str:
            return name

    for name in ("read_file", "write_file", "look", "_hidden"):
        named(name)

    @env.scenario("work", exclude_tools=["look"])
    async def work() -> Scenario:
        answer = yield "Work."
        yield {"reward": 0.5, "content": f"you said {answer}", "info": {"n": 1}}

    return env


def work(**config: Any) -> Task:
    task = workshop()("work")
    task.agent_config = TaskAgentConfig(**config)
    return task


@pytest.mark.parametrize(
    ("config", "offered"),
    [
        ({}, ["read_file", "write_file"]),
        ({"allowed_tools": ["read_*"]}, ["read_file"]),
        ({"allowed_tools": ["*"]}, ["read_file", "write_file"]),
        ({"disallowed_tools": ["write*"]}, ["read_file"]),
        ({"allowed_tools": ["*_file"], "disallowed_tools": ["read_file"]}, ["write_file"]),
    ],
)
async def test_scenario_and_task_say_which_tools_are_offered(
    config: dict[str, Any], offered: list[str]
) -> None:
    async with hud.eval(work(**config)) as ctx:
        assert [tool.name for tool in ctx.as_tools()] == offered


@pytest.mark.parametrize(
    ("limits", "offered"),
    [
        ({"include": ["read_file", "no_such"]}, ["read_file"]),
        ({"exclude": ["read_file", "look"]}, ["write_file"]),
        ({"include": []}, []),
    ],
    ids=["include", "exclude", "nothing"],
)
async def test_an_environment_that_is_named_with_some_of_its_tools_offers_no_others(
    limits: dict[str, list[str]], offered: list[str]
) -> None:
    async with hud.eval(work()) as live:
        task = Task(env={"name": "workshop", **limits}, scenario="work", args={})
        ctx = EvalContext(task, live.connection)
        await ctx.setup()
        assert [tool.name for tool in ctx.as_tools()] == offered
        with pytest.raises(ToolError, match="Tool 'look' is not available"):
            await ctx.call_tool("look")
        assert [tool["function"]["name"] for tool in ctx.as_openai_chat_tools()] == offered


async def test_an_excluded_tool_is_refused_when_called_all_the_same() -> None:
    async with hud.eval(work()) as ctx:
        with pytest.raises(ToolError, match="not available in this scenario"):
            await ctx.call_tool("look")
    assert [step.error for step in ctx.trace.steps if step.kind == "tool"] == [
        "Tool 'look' is not available in this scenario"
    ]


async def test_the_tasks_wishes_are_the_contexts() -> None:
    async with hud.eval(work(system_prompt="Be brief.")) as ctx:
        assert (ctx.system_prompt, ctx.append_setup_output) == ("Be brief.", False)
        assert (ctx.validation, ctx.has_scenario) == ([], True)


@pytest.mark.parametrize("answer", ['{"a": 1}', "null", "3", ""])
async def test_the_answer_arrives_as_the_text_that_was_submitted(answer: str) -> None:
    async with hud.eval(work()) as ctx:
        await ctx.submit("first")
        await ctx.submit(answer)
    assert ctx.evaluation_result is not None
    assert ctx.evaluation_result.content == f"you said {answer}"
    assert ctx.evaluation_result.info == {"n": 1}


async def test_the_submit_tool_of_the_wire_submits_too() -> None:
    async with hud.eval(strawberry()) as ctx:
        await ctx.call_tool("_hud_submit", answer="3")
    assert (ctx.answer, ctx.reward) == ("3", 1.0)


async def test_metrics_of_ones_own_are_kept_with_the_rollout() -> None:
    async with hud.eval(strawberry(), job_id="j", group_id="g") as ctx:
        ctx.log({"tokens": 7})
        assert ctx.elapsed() >= 0
        assert ctx.headers == {"Trace-Id": ctx.trace_id}
    assert ctx.trace.info == {"tokens": 7}
    assert (ctx.job_id, ctx.group_id, ctx.index) == ("j", "g", 0)


async def test_what_a_scenario_declares_of_its_answer_is_told() -> None:
    env = Environment("typed")

    @env.scenario("typed", returns=int, enable_citations=True)
    async def typed() -> Scenario:
        answer = yield "How many?"
        yield float(answer.content == 3)

    async with hud.eval(env("typed")) as ctx:
        assert ctx.scenario_returns_schema == {"type": "integer"}
        assert ctx.scenario_enable_citations
        await ctx.submit("3")
    assert ctx.reward == 1.0


def test_a_context_is_no_environment() -> None:
    assert not issubclass(EvalContext, Environment)

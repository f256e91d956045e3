"""A scenario as a tool, played by another agent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from hud import Environment, Task
from hud.agents import ScriptedAgent
from hud.errors import UserError
from hud.tools import AgentTool
from hud.types import MCPToolCall
from tests.hud.tools.calling import call, definition, failure, text

pytestmark = pytest.mark.anyio


def specialist() -> Environment:
    env = Environment("specialist")

    @env.tool
    def look_up(word: str) -> str:
        return f"{word}!"

    @env.scenario("investigate")
    async def investigate(
        issue: str, depth: int = 1, expected: str | None = None
    ) -> AsyncGenerator[Any, Any]:
        """Look into an issue.

        Args:
            issue: Its number.
        """
        answer = yield f"look into {issue}, {depth} deep"
        yield float(answer == expected)

    return env


def template() -> Task:
    return specialist()("investigate")


def player(*steps: Any) -> ScriptedAgent:
    return ScriptedAgent(list(steps))


def test_the_tool_takes_what_the_scenario_takes_but_what_is_for_evaluation() -> None:
    found = definition(AgentTool(template(), agent=player("done")))
    assert found.name == "investigate"
    assert found.description == "Look into an issue."
    assert set(found.input_schema["properties"]) == {"issue", "depth"}
    assert found.input_schema["required"] == ["issue"]


def test_what_the_task_has_fixed_is_not_asked_for() -> None:
    task = specialist()("investigate", issue="A-1")
    found = definition(AgentTool(task, agent=player("done"), name="look", description="Look."))
    assert (found.name, found.description) == ("look", "Look.")
    assert set(found.input_schema["properties"]) == {"depth"}


async def test_the_agents_answer_is_the_result() -> None:
    def answer(messages: list[Any]) -> str:
        return f"heard: {messages[0]['content'][0]['text']}"

    tool = AgentTool(template(), agent=player(answer))
    assert await text(tool, issue="A-1", depth=2) == "heard: look into A-1, 2 deep"


async def test_the_agent_uses_the_scenarios_own_tools() -> None:
    calls = MCPToolCall(name="look_up", arguments={"word": "hi"})
    result = await call(AgentTool(template(), agent=player(calls, "done")), issue="A-1")
    steps = (result.meta or {})["hud/steps"]
    assert [step["name"] for step in steps if step["kind"] == "tool"] == ["look_up"]
    assert result.text == "done"


async def test_a_scenario_of_the_same_environment_can_be_called() -> None:
    env = specialist()
    env.add_tool(AgentTool(Task(env=env, scenario="investigate"), agent=player("inner")))

    @env.scenario("lead")
    async def lead() -> AsyncGenerator[Any, Any]:
        answer = yield "delegate"
        yield float(answer == "outer")

    calls = MCPToolCall(name="investigate", arguments={"issue": "A-1"})
    trace = await env("lead").run(player(calls, "outer"))
    assert trace.reward == 1.0
    (step,) = [step for step in trace.steps if step.kind == "tool"]
    assert step.result["content"][0]["text"] == "inner"


async def test_an_agent_that_fails_is_a_failed_call() -> None:
    tool = AgentTool(template(), agent=player())
    assert "the script of the agent" in await failure(tool, issue="A-1")


async def test_an_agent_without_an_answer_is_a_failed_call() -> None:
    assert "gave no answer" in await failure(AgentTool(template(), model="nop"), issue="A-1")


async def test_a_class_of_agents_is_made_with_its_parameters() -> None:
    tool = AgentTool(template(), agent=ScriptedAgent, agent_params={"steps": "hi", "max_steps": 1})
    assert await text(tool, issue="A-1") == "hi"


@pytest.mark.parametrize("chosen", [{}, {"model": "nop", "agent": ScriptedAgent}])
def test_either_a_model_or_an_agent_is_named(chosen: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="either `model` or `agent`"):
        AgentTool(template(), **chosen)


def test_a_scenario_that_is_not_declared_is_refused() -> None:
    with pytest.raises(UserError, match="declared here"):
        AgentTool(Task(env=specialist(), scenario="other"), model="nop")

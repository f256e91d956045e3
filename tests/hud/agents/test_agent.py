"""The loop that all agents share, played by a scripted agent."""

from __future__ import annotations

import anyio
import mcp_types
import pytest

from hud.agents import MCPAgent, ScriptedAgent
from hud.agents.agent import Message
from hud.agents.base import text_to_blocks
from hud.errors import AgentFailure, ConnectionFailure, ProviderFailure
from hud.task import Task
from hud.types import AgentResponse, MCPToolCall, Trace, Usage
from tests.hud.agents.rollout import PIXEL, Rollout, count_letter, user

pytestmark = pytest.mark.anyio

COUNT = MCPToolCall(name="count_letter", arguments={"text": "strawberry", "letter": "r"})


def heard(messages: list[Message]) -> str:
    """What the newest message says."""
    text: str = messages[-1]["content"][0]["text"]
    return text


async def test_an_answer_without_tool_calls_is_submitted_and_ends_the_rollout() -> None:
    rollout = Rollout(count_letter)
    trace = await ScriptedAgent(["3", "never said"]).run(rollout)
    assert (trace.content, trace.done, rollout.submitted) == ("3", True, ["3"])
    assert trace.info["stop_reason"] == "answered"


async def test_the_model_hears_what_its_tools_returned() -> None:
    rollout = Rollout(count_letter)
    trace = await ScriptedAgent([COUNT, heard]).run(rollout)
    assert rollout.submitted == ["3"]
    assert rollout.steps() == [
        ("model", "scripted"),
        ("tool", "count_letter"),
        ("model", "scripted"),
    ]
    assert [message["role"] for message in trace.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]


async def test_calls_of_one_turn_run_at_the_same_time_and_return_in_their_order() -> None:
    both = anyio.Event()

    async def first() -> str:
        await both.wait()
        return "first"

    async def second() -> str:
        both.set()
        return "second"

    def results(messages: list[Message]) -> str:
        return " ".join(message["content"][0]["text"] for message in messages[-2:])

    rollout = Rollout(first, second)
    with anyio.fail_after(5):
        await ScriptedAgent([[MCPToolCall(name="first"), MCPToolCall(name="second")], results]).run(
            rollout
        )
    assert rollout.submitted == ["first second"]


async def test_a_boundary_that_breaks_during_parallel_calls_is_reported_as_itself() -> None:
    def broken() -> str:
        raise ConnectionFailure("the environment went away")

    calls = [MCPToolCall(name="broken"), MCPToolCall(name="broken")]
    with pytest.raises(ConnectionFailure, match="went away"):
        await ScriptedAgent([calls]).run(Rollout(broken))


@pytest.mark.parametrize("max_steps", [0, 1, 3])
async def test_reaching_max_steps_is_an_outcome_without_an_answer(max_steps: int) -> None:
    rollout = Rollout(count_letter)
    trace = await ScriptedAgent(lambda messages: COUNT).run(rollout, max_steps=max_steps)
    assert (trace.done, trace.content, rollout.submitted) == (False, None, [])
    assert trace.info["stop_reason"] == "max_steps"
    assert rollout.steps().count(("model", "scripted")) == max_steps


async def test_minus_one_does_not_bound_the_steps() -> None:
    rollout = Rollout(count_letter)
    await ScriptedAgent([COUNT] * 30 + ["done"]).run(rollout, max_steps=-1)
    assert rollout.submitted == ["done"]


async def test_an_empty_answer_is_no_answer() -> None:
    rollout = Rollout()
    trace = await ScriptedAgent([""]).run(rollout)
    assert (trace.content, rollout.submitted) == (None, [None])


@pytest.mark.parametrize(
    ("options", "offered"),
    [
        ({}, ["count_letter", "count_words", "reset"]),
        ({"allowed_tools": ["count_*"]}, ["count_letter", "count_words"]),
        ({"disallowed_tools": ["*_words", "reset"]}, ["count_letter"]),
        ({"allowed_tools": ["count_*"], "disallowed_tools": ["count_letter"]}, ["count_words"]),
        ({"allowed_tools": []}, []),
    ],
)
async def test_tools_are_offered_by_pattern(
    options: dict[str, list[str]], offered: list[str]
) -> None:
    def count_words() -> str:
        return "1"

    def reset() -> str:
        return "done"

    agent = ScriptedAgent(["3"], **options)
    await agent._initialize_from_ctx(Rollout(count_letter, count_words, reset))
    assert [tool.name for tool in agent.get_available_tools()] == offered
    assert [schema["name"] for schema in agent.get_tool_schemas()] == offered


@pytest.mark.parametrize("name", ["count_letter", "_hud_submit", "no_such_tool"])
async def test_a_tool_that_was_not_offered_is_answered_with_an_error(name: str) -> None:
    rollout = Rollout(count_letter)
    agent = ScriptedAgent([MCPToolCall(name=name), heard], disallowed_tools=["count_letter"])
    await agent.run(rollout)
    assert rollout.submitted == [f"unknown tool `{name}`; there are: none"]
    assert rollout.trace.steps[1].error == rollout.submitted[0]


async def test_the_system_prompt_is_the_agents_own_and_then_the_tasks() -> None:
    rollout = Rollout()
    rollout.system_prompt = "Count well."
    trace = await ScriptedAgent(["3"], system_prompt="Be brief.").run(rollout)
    assert trace.messages[0] == {"role": "system", "content": "Be brief.\n\nCount well."}


async def test_neighbouring_messages_of_one_role_become_one() -> None:
    rollout = Rollout()
    said = mcp_types.PromptMessage(role="assistant", content=mcp_types.TextContent(text="Yes?"))
    rollout.conversation = [user("Look:"), user(PIXEL), said, user("What is it?")]
    trace = await ScriptedAgent(["A cat"]).run(rollout)
    kinds = [[block["type"] for block in message["content"]] for message in trace.messages[:3]]
    assert kinds == [["text", "image"], ["text"], ["text"]]


async def test_a_prompt_without_a_scenario_is_enough() -> None:
    rollout = Rollout(prompt="Say it.")
    rollout.conversation = []
    trace = await ScriptedAgent(["it"]).run(rollout)
    assert trace.messages[0]["content"] == [{"type": "text", "text": "Say it."}]


async def test_without_a_prompt_nothing_is_asked() -> None:
    rollout = Rollout(prompt="")
    rollout.conversation = []
    with pytest.raises(AgentFailure, match="there is no prompt"):
        await ScriptedAgent(["it"]).run(rollout)
    assert rollout.submitted == []


async def test_each_turn_is_recorded_with_its_size_result_usage_and_time() -> None:
    rollout = Rollout(count_letter)
    turn = AgentResponse(
        tool_calls=[COUNT], usage=Usage(input_tokens=7, cached_tokens=5), reasoning="Hm."
    )
    last = AgentResponse(content="3", usage=Usage(output_tokens=2), finish_reason="stop")
    trace = await ScriptedAgent([turn, last]).run(rollout)
    first, _, second = trace.steps
    assert first.request == {"messages": 1, "tools": 1}
    assert first.result["tool_calls"][0]["arguments"] == COUNT.arguments
    assert first.result["reasoning"] == "Hm."
    assert second.result == {"content": "3", "finish_reason": "stop"}
    assert 0 <= first.started <= first.started + first.seconds <= second.started
    assert trace.usage == Usage(input_tokens=7, output_tokens=2, cached_tokens=5)


async def test_one_agent_plays_many_rollouts_at_once() -> None:
    agent = ScriptedAgent([COUNT, heard])
    rollouts = [Rollout(count_letter) for _ in range(20)]
    async with anyio.create_task_group() as group:
        for rollout in rollouts:
            group.start_soon(agent.run, rollout)
    assert [rollout.submitted for rollout in rollouts] == [["3"]] * 20
    assert agent.ctx is None


async def test_an_exception_of_the_agents_code_is_its_failure_and_is_recorded() -> None:
    def stumble(messages: list[Message]) -> str:
        raise ZeroDivisionError("no such step")

    rollout = Rollout()
    with pytest.raises(AgentFailure) as caught:
        await ScriptedAgent(stumble).run(rollout)
    assert caught.value.message == "agent `scripted`: ZeroDivisionError: no such step"
    assert (rollout.submitted, rollout.trace.steps[0].error) == ([], caught.value.message)


async def test_a_providers_failure_is_never_an_answer() -> None:
    def refuse(messages: list[Message]) -> str:
        raise ProviderFailure("openai answered 503")

    rollout = Rollout()
    with pytest.raises(ProviderFailure):
        await ScriptedAgent(refuse).run(rollout)
    assert (rollout.submitted, rollout.trace.content) == ([], None)


async def test_a_script_that_ends_too_early_says_so() -> None:
    with pytest.raises(AgentFailure, match="the script of the agent `scripted` ended"):
        await ScriptedAgent([COUNT]).run(Rollout(count_letter))


async def test_a_script_may_answer_asynchronously() -> None:
    async def answer(messages: list[Message]) -> AgentResponse:
        await anyio.lowlevel.checkpoint()
        return AgentResponse(content=messages[0]["content"][0]["text"])

    rollout = Rollout(prompt="Say it.")
    await ScriptedAgent(answer).run(rollout)
    assert rollout.submitted == ["Say it."]


async def test_an_agent_without_get_response_says_so() -> None:
    with pytest.raises(AgentFailure, match="MCPAgent has no `get_response`"):
        await MCPAgent().run(Rollout())


async def test_a_task_runs_itself_with_the_agent() -> None:
    class Recorder(Task):
        async def run(self, agent: object, *, max_steps: int = 10, **options: object) -> Trace:
            return Trace(content=f"{type(agent).__name__} {max_steps}")

    trace = await ScriptedAgent(["3"]).run(Recorder(), max_steps=4)
    assert trace.content == "ScriptedAgent 4"


async def test_a_loop_of_ones_own_drives_the_agent_step_by_step() -> None:
    agent, rollout = ScriptedAgent([COUNT, heard]), Rollout(count_letter)
    agent.ctx = rollout
    await agent._initialize_from_ctx(rollout)
    agent._tool_map = {tool.name: tool for tool in agent._available_tools}
    messages = [*await agent.get_system_messages(), *await agent.format_message(rollout.prompt)]
    calls = (await agent.get_response(messages)).tool_calls
    messages.extend(await agent.format_tool_results(calls, await agent.call_tools(calls)))
    agent.console.error_log("seen")
    assert (await agent.get_response(messages)).content == "3"
    await agent._cleanup()


async def test_an_agent_outside_of_a_rollout_cannot_call_tools() -> None:
    with pytest.raises(AgentFailure, match="not in a rollout"):
        await ScriptedAgent(["3"]).call_tools(COUNT)


def test_a_text_becomes_a_block_and_blocks_stay() -> None:
    assert text_to_blocks("hi") == [mcp_types.TextContent(text="hi")]
    assert text_to_blocks(PIXEL) == text_to_blocks([PIXEL]) == [PIXEL]


async def test_verbose_logs_each_turn(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="hud.agents"):
        await ScriptedAgent(["quiet"]).run(Rollout())
        await ScriptedAgent(["loud"], verbose=True).run(Rollout())
    assert [record.getMessage() for record in caplog.records] == ["scripted: {'content': 'loud'}"]

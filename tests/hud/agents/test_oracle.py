"""The agents without a model: the oracle and the one that does nothing."""

from __future__ import annotations

from typing import Any

import pytest

from hud.agents import NopAgent, OracleAgent
from hud.errors import AgentFailure
from hud.types import MCPToolCall
from tests.hud.agents.rollout import Rollout, count_letter

pytestmark = pytest.mark.anyio

COUNT = MCPToolCall(name="count_letter", arguments={"text": "strawberry", "letter": "r"})


def answering(answer: Any, name: str = "_hud_submit") -> MCPToolCall:
    return MCPToolCall(name=name, arguments={"answer": answer})


@pytest.mark.parametrize(
    ("last", "submitted"),
    [
        (answering("3"), "3"),
        (answering("3", name="submit"), "3"),
        (answering({"n": 3}), '{"n": 3}'),
        (answering(None), None),
        (COUNT, None),
    ],
)
async def test_the_oracle_replays_the_validation_and_gives_its_answer(
    last: MCPToolCall, submitted: str | None
) -> None:
    rollout = Rollout(count_letter)
    rollout.validation = [COUNT, last]
    trace = await OracleAgent.create().run(rollout)
    assert (rollout.submitted, trace.content) == ([submitted], submitted)
    assert rollout.steps()[0] == ("tool", "count_letter")
    assert trace.info["stop_reason"] == "validation replayed"


async def test_a_tool_that_is_called_submit_is_a_tool() -> None:
    given: list[str] = []

    def submit(answer: str) -> str:
        given.append(answer)
        return "thanks"

    rollout = Rollout(submit)
    rollout.validation = [answering("3", name="submit")]
    await OracleAgent.create().run(rollout)
    assert (given, rollout.submitted) == (["3"], [None])


async def test_a_validation_call_that_fails_is_named() -> None:
    rollout = Rollout(count_letter)
    rollout.validation = [COUNT, MCPToolCall(name="count_letter", arguments={"word": "x"})]
    with pytest.raises(
        AgentFailure, match=r"the validation call `count_letter` \(2 of 2\) failed: "
    ):
        await OracleAgent.create().run(rollout)
    assert rollout.submitted == []


async def test_without_a_validation_the_oracle_answers_nothing_and_says_so() -> None:
    rollout = Rollout(count_letter)
    trace = await OracleAgent.create().run(rollout)
    assert rollout.submitted == [None]
    assert trace.info["stop_reason"] == "the task has no validation"


async def test_nop_does_nothing_and_answers_nothing() -> None:
    rollout = Rollout(count_letter)
    trace = await NopAgent.create().run(rollout)
    assert (rollout.submitted, rollout.steps(), trace.content) == ([None], [], None)

"""The values that travel: calls, results, answers, rewards, traces."""

from __future__ import annotations

import math
from typing import Any

import mcp_types
import pytest
from pydantic import BaseModel, ValidationError

from hud.types import (
    AgentAnswer,
    AgentResponse,
    Citation,
    EvaluationResult,
    MCPToolCall,
    MCPToolResult,
    ScenarioResult,
    SubScore,
    Trace,
    TraceStep,
    Usage,
)

TEXT = mcp_types.TextContent(text="one")
MORE = mcp_types.TextContent(text="two")
IMAGE = mcp_types.ImageContent(data="cG5n", mime_type="image/png")


def result(structured: Any, *content: mcp_types.ContentBlock) -> MCPToolResult:
    return MCPToolResult(content=list(content), structured_content=structured)


def test_a_call_has_an_id_and_arguments_of_its_own() -> None:
    calls = [MCPToolCall(name="count"), MCPToolCall(name="count", arguments=None)]
    assert [call.arguments for call in calls] == [{}, {}]
    assert calls[0].id != calls[1].id
    assert MCPToolCall(name="count", id="7").id == "7"


@pytest.mark.parametrize("arguments", ["{}", [1], 3], ids=repr)
def test_arguments_of_a_call_are_an_object(arguments: Any) -> None:
    with pytest.raises(ValidationError):
        MCPToolCall(name="count", arguments=arguments)


def test_a_result_joins_its_texts_and_skips_the_rest() -> None:
    assert result(None, TEXT, IMAGE, MORE).text == "one\ntwo"
    assert MCPToolResult().text == ""


@pytest.mark.parametrize(
    ("structured", "value"),
    [
        ({"result": 3}, 3),
        ({"result": None}, None),
        ({"result": {"a": 1}}, {"a": 1}),
        ({"result": 1, "more": 2}, {"result": 1, "more": 2}),
        ({"success": True}, {"success": True}),
        ({}, {}),
        (None, "one"),
    ],
    ids=str,
)
def test_the_value_of_a_result_is_what_the_tool_returned(structured: Any, value: Any) -> None:
    assert result(structured, TEXT).value == value


@pytest.mark.parametrize(
    ("structured", "key", "item"),
    [
        ({"success": True}, "success", True),
        ({"result": {"success": True}}, "success", True),
        ({"result": 3}, "result", 3),
        ({"result": [4, 5]}, 1, 5),
        ({"result": [4, 5]}, slice(0, 1), [4]),
        ({"result": "text"}, 0, "t"),
    ],
    ids=str,
)
def test_a_result_is_looked_into_by_key(structured: Any, key: Any, item: Any) -> None:
    assert result(structured)[key] == item


@pytest.mark.parametrize(
    ("structured", "key", "is_inside"),
    [
        ({"success": True}, "success", True),
        ({"success": True}, "failure", False),
        ({"result": 3}, "result", True),
        ({"result": 3}, "other", False),
        ({"result": [4]}, 4, True),
        ({"result": "a text"}, "text", True),
        (None, "one", True),
    ],
    ids=str,
)
def test_a_result_tells_what_is_inside(structured: Any, key: Any, is_inside: bool) -> None:
    assert (key in result(structured, TEXT)) is is_inside


def test_a_missing_key_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        _ = result({"success": True})["failure"]


def test_a_result_speaks_both_spellings() -> None:
    made = MCPToolResult(isError=True, structuredContent={"a": 1})
    assert (made.is_error, made.isError) == (True, True)
    assert made.structured_content == made.structuredContent == {"a": 1}
    assert made.model_dump(by_alias=True)["isError"] is True
    assert isinstance(made, mcp_types.CallToolResult)


def test_an_answer_keeps_its_type() -> None:
    class City(BaseModel):
        name: str

    answer = AgentAnswer[City](content=City(name="Paris"), raw="{}")
    assert answer.content.name == "Paris"
    assert answer.citations == []
    with pytest.raises(ValidationError):
        AgentAnswer[City].model_validate({"content": "Paris"})


def test_a_citation_keeps_what_a_provider_adds() -> None:
    citation = Citation.model_validate({"source": "atlas", "page": 3})
    assert citation.model_dump()["page"] == 3


@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf, "many", None], ids=repr)
def test_a_result_has_a_finite_reward(reward: Any) -> None:
    with pytest.raises(ValidationError):
        EvaluationResult(reward=reward)


def test_a_result_has_defaults_and_takes_more() -> None:
    made = EvaluationResult(remark="extra")
    assert (made.reward, made.done, made.content, made.info, made.isError, made.subscores) == (
        0.0,
        True,
        None,
        {},
        False,
        None,
    )
    assert made.model_dump()["remark"] == "extra"
    assert EvaluationResult.from_float(1).reward == 1.0
    assert ScenarioResult is EvaluationResult


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan], ids=repr)
def test_a_subscore_is_between_zero_and_one(value: float) -> None:
    with pytest.raises(ValidationError):
        SubScore(name="a", value=value)


@pytest.mark.parametrize("weight", [math.nan, math.inf], ids=repr)
def test_a_weight_is_finite(weight: float) -> None:
    with pytest.raises(ValidationError):
        SubScore(name="a", value=1, weight=weight)


def test_the_evidence_of_a_subscore_stays_out_of_the_result() -> None:
    score = SubScore(name="a", value=0.5, metadata={"log": "long"})
    assert score.score == 0.5
    assert "metadata" not in score.model_dump()


def test_subscores_that_add_up_are_silent() -> None:
    parts = [SubScore(name="a", weight=0.5, value=1), SubScore(name="b", weight=0.5, value=0.5)]
    penalty = SubScore(name="c", weight=-0.25, value=1)
    assert EvaluationResult(reward=0.75, subscores=parts).reward == 0.75
    assert EvaluationResult(reward=0.5, subscores=[*parts, penalty]).reward == 0.5


def test_usage_adds_up_over_the_steps_of_a_trace() -> None:
    trace = Trace()
    trace.append(TraceStep(kind="model", name="m", usage=Usage(input_tokens=3, output_tokens=1)))
    trace.append(TraceStep(kind="tool", name="t"))
    trace.append(TraceStep(kind="model", name="m", usage=Usage(input_tokens=4, cached_tokens=2)))
    assert trace.usage == Usage(input_tokens=7, output_tokens=1, cached_tokens=2)
    assert [step.name for step in trace.steps] == ["m", "t", "m"]
    assert Trace().usage == Usage()


def test_a_trace_without_a_grade_has_no_reward() -> None:
    assert (Trace().reward, Trace().content, Trace().isError) == (None, None, False)


def test_a_response_without_tool_calls_is_the_answer() -> None:
    assert AgentResponse(content="3").done is True
    calls = [MCPToolCall(name="count")]
    assert AgentResponse(tool_calls=calls).done is False
    assert AgentResponse.model_validate({"tool_calls": calls, "done": True}).done is True

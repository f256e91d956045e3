"""The second yield: what is a reward, what is none, and what is told about it."""

from __future__ import annotations

import math
import warnings
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from hud import Environment
from hud.environment import EvaluationResult, SubScore
from hud.environment.rewards import to_evaluation
from hud.errors import GradingFailure
from hud.types import from_subscores

pytestmark = pytest.mark.anyio

NAN = float("nan")


class Number:
    """What numeric libraries return."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return self.value


class Broken:
    def __float__(self) -> float:
        raise RuntimeError("only one element tensors can be converted")

    def __repr__(self) -> str:
        raise RuntimeError("no words")


@dataclass
class Grade:
    reward: float
    content: str = "from elsewhere"


class Result(BaseModel):
    reward: float
    info: dict[str, Any] = {}


def mutated(reward: Any) -> EvaluationResult:
    result = EvaluationResult(reward=0.5)
    result.reward = reward
    return result


def weighing(weight: float) -> SubScore:
    return SubScore(name="a", value=1.0).model_copy(update={"weight": weight})


async def graded(value: Any, **options: Any) -> EvaluationResult:
    """Play a scenario whose second yield is `value`."""
    env = Environment("test")

    @env.scenario("maths", **options)
    async def maths() -> AsyncGenerator[Any, Any]:
        yield "prompt"
        yield value

    await env.run_scenario_setup("maths", {})
    return await env.run_scenario_evaluate("maths")


@pytest.mark.parametrize(
    ("value", "reward"),
    [
        (True, 1.0),
        (False, 0.0),
        (1, 1.0),
        (0.25, 0.25),
        ("0.7", 0.7),
        (Number(0.5), 0.5),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        ({"reward": 0.5}, 0.5),
        ({"reward": "0.5"}, 0.5),
        (EvaluationResult(reward=0.5), 0.5),
        (mutated(0.75), 0.75),
        (mutated("0.75"), 0.75),
        (Grade(0.5), 0.5),
        (Result(reward=0.5), 0.5),
        ([SubScore(name="a", weight=1, value=1), SubScore(name="b", weight=3, value=0)], 0.25),
        ((SubScore(name="a", value=0.5),), 0.5),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_what_is_like_a_number_is_a_reward(value: Any, reward: float) -> None:
    result = await graded(value)
    assert (type(result.reward), result.reward) == (float, reward)
    assert (result.done, result.isError) == (True, False)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (NAN, "nan is not a finite number"),
        (math.inf, "inf is not a finite number"),
        (-math.inf, "-inf is not a finite number"),
        ("nan", "nan is not a finite number"),
        (10**400, "too large"),
        (None, "expected a number"),
        ("abc", "could not convert string to float"),
        ("", "could not convert string to float"),
        (..., "float() argument must be"),
        (1j, "float() argument must be"),
        ([], "float() argument must be"),
        ([0.5], "float() argument must be"),
        ({}, "the dict has no key `reward`"),
        ({"score": 1.0}, "the dict has no key `reward`"),
        ({"reward": None}, "valid number"),
        ({"reward": NAN}, "not a finite number"),
        ({"reward": 1.0, 2: "b"}, "keywords must be strings"),
        (Number(NAN), "nan is not a finite number"),
        (Broken(), "only one element"),
        (Grade(NAN), "not a finite number"),
        (mutated(NAN), "not a finite number"),
        (mutated("many"), "valid number"),
        (mutated(None), "valid number"),
        (EvaluationResult.model_construct(reward=math.inf), "not a finite number"),
        ([SubScore(name="a", value=1.0), 0.5], "float() argument must be"),
        ([weighing(NAN)], "not a finite number"),
        ([weighing(math.inf)], "not a finite number"),
    ],
    ids=lambda value: "broken" if isinstance(value, Broken) else repr(value)[:40],
)
async def test_anything_else_is_a_grading_failure_that_names_the_scenario(
    value: Any, reason: str
) -> None:
    with pytest.raises(GradingFailure) as caught:
        await graded(value)
    assert caught.value.message.startswith("scenario `maths` yielded ")
    assert reason in caught.value.message
    assert caught.value.boundary == "grading"


async def test_a_long_value_is_shortened_in_the_failure() -> None:
    with pytest.raises(GradingFailure) as caught:
        await graded("x" * 10_000)
    assert len(caught.value.message) < 250
    assert "\n" not in caught.value.message


async def test_a_result_made_of_nan_fails_where_the_author_made_it() -> None:
    env = Environment("test")

    @env.scenario
    async def maths() -> AsyncGenerator[Any, Any]:
        yield "prompt"
        yield EvaluationResult(reward=NAN)

    await env.run_scenario_setup("maths", {})
    with pytest.raises(
        GradingFailure, match=r"scenario `maths` .*reward is nan, not a finite number"
    ):
        await env.run_scenario_evaluate("maths")


@pytest.mark.parametrize(
    "value", [2.5, -1, {"reward": 1.5}, EvaluationResult(reward=-0.25)], ids=repr
)
async def test_a_reward_out_of_range_is_kept_and_told_once(value: Any) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = await graded(value)
    expected = value if isinstance(value, float | int) else dict(value)["reward"]
    assert result.reward == expected
    assert [str(item.message) for item in told] == [
        f"scenario `maths` gave the reward {expected:g}, outside [0, 1]"
    ]


def test_a_reward_that_leaves_the_range_by_rounding_is_no_news() -> None:
    total = 0.1 + 0.2 + 0.7 + 1e-16 * 3
    assert to_evaluation(total, "it").reward == total
    assert to_evaluation(1.0000000000000002, "it").reward > 1.0


async def test_everything_that_a_result_holds_is_kept() -> None:
    given_result = EvaluationResult(
        reward=0.5,
        done=False,
        content="half",
        info={"why": ["a"]},
        isError=True,
        subscores=[SubScore(name="a", value=0.5, metadata={"evidence": 1})],
        remark="an extra field",
    )
    result = await graded(given_result)
    assert result == given_result
    assert result.subscores is not None
    assert result.subscores[0].metadata == {"evidence": 1}
    assert result.model_dump()["remark"] == "an extra field"


async def test_a_dict_gives_every_field_of_a_result() -> None:
    result = await graded(
        {
            "reward": 1,
            "content": "good",
            "subscores": [{"name": "a", "value": 1}],
            "remark": "extra",
        }
    )
    assert (result.reward, result.content) == (1.0, "good")
    assert result.subscores == [SubScore(name="a", value=1)]


async def test_a_foreign_result_keeps_what_it_says() -> None:
    assert (await graded(Grade(0.5))).content == "from elsewhere"
    assert (await graded(Result(reward=0.5, info={"a": 1}))).info == {"a": 1}


@pytest.mark.parametrize(
    ("subscores", "complaint"),
    [
        (
            [SubScore(name="a", weight=0.5, value=1), SubScore(name="a", weight=0.5, value=1)],
            "share a name",
        ),
        ([SubScore(name="a", weight=0.5, value=1)], "add up to 0.5, not to 1"),
        ([SubScore(name="a", value=0)], "add up to 0, but the reward is 1"),
    ],
    ids=["names", "weights", "sum"],
)
async def test_subscores_that_do_not_add_up_are_told_when_the_result_is_made(
    subscores: list[SubScore], complaint: str
) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = EvaluationResult(reward=1.0, subscores=subscores)
    assert any(complaint in str(item.message) for item in told)
    assert (await graded(result)).reward == 1.0


def test_weights_are_shares_and_penalties_are_taken_off() -> None:
    result = from_subscores(
        [
            SubScore(name="right", weight=3, value=1),
            SubScore(name="fast", weight=1, value=0, metadata={"seconds": 9}),
            SubScore(name="rude", weight=-0.5, value=1),
        ]
    )
    assert result.reward == 0.25
    assert [score.weight for score in result.subscores or ()] == [0.75, 0.25, -0.5]
    assert result.info == {"fast": {"seconds": 9}}


def test_only_penalties_make_a_negative_reward() -> None:
    assert from_subscores([SubScore(name="rude", weight=-0.5, value=1)]).reward == -0.5


def test_subscores_that_share_a_name_are_numbered() -> None:
    scores = [SubScore(name=name, value=1, metadata={"of": name}) for name in ("a", "b", "a")]
    result = from_subscores(scores)
    assert [score.name for score in result.subscores or ()] == ["a-1", "b", "a-2"]
    assert result.info == {"a-1": {"of": "a"}, "b": {"of": "b"}, "a-2": {"of": "a"}}


@given(st.lists(st.floats(min_value=0.01, max_value=100), min_size=1, max_size=8))
def test_all_parts_right_is_exactly_one(weights: list[float]) -> None:
    scores = [SubScore(name=f"s{i}", weight=weight, value=1) for i, weight in enumerate(weights)]
    assert from_subscores(scores).reward == 1.0

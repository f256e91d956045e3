"""Grades out of parts: by commands, by models, by functions of authors."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from hud import Environment
from hud.agents import ScriptedAgent
from hud.errors import UserError
from hud.native.graders import BashGrader, Grade, Grader, LLMJudgeGrader, exact_match
from hud.tools.types import SubScore
from tests import fake_provider
from tests.hud.tools.calling import ends

pytestmark = pytest.mark.anyio


class Half(Grader):
    name = "half"

    @classmethod
    async def compute_score(cls, **kwargs: Any) -> tuple[float, dict[str, Any]]:
        return 0.5, {"seen": kwargs}


class Broken(Grader):
    name = "broken"

    @classmethod
    async def compute_score(cls, **kwargs: Any) -> float:
        raise RuntimeError("no disk\nleft")


class TooMuch(Grader):
    @classmethod
    async def compute_score(cls, **kwargs: Any) -> float:
        return 1.5


class Plain(Grader):
    @classmethod
    def compute_score(cls, passed: bool) -> float:  # type: ignore[override]
        return float(passed)


async def test_a_grader_gives_a_part_with_its_evidence() -> None:
    score = await Half.grade(weight=0.3, name="mine", path=Path("a"))
    assert (score.name, score.weight, score.value) == ("mine", 0.3, 0.5)
    assert score.metadata == {"seen": {"path": Path("a")}, "_parameters": {"path": "a"}}


async def test_a_grader_may_be_a_plain_function() -> None:
    assert (await Plain.grade(1.0, passed=True)).value == 1.0


async def test_parts_are_gathered_and_weighted() -> None:
    grade = await Grade.gather(
        Half.grade(weight=1.0), SubScore(name="format", value=exact_match("42", "42"), weight=3.0)
    )
    assert grade.reward == pytest.approx(0.875)
    assert [score.weight for score in grade.subscores or []] == [0.25, 0.75]
    assert grade.info["half"] == {"seen": {}, "_parameters": {}}


async def test_a_grader_that_fails_does_not_lose_the_others() -> None:
    grade = await Grade.gather(Broken.grade(weight=1.0, name="disk"), Half.grade(weight=1.0))
    assert grade.reward == pytest.approx(0.25)
    assert [(score.name, score.value) for score in grade.subscores or []] == [
        ("disk", 0.0),
        ("half", 0.5),
    ]
    assert grade.info["disk"] == {"error": "RuntimeError: no disk", "_parameters": {}}


async def test_a_score_that_is_none_is_a_failure() -> None:
    grade = await Grade.gather(TooMuch.grade(weight=1.0), Half.grade(weight=1.0))
    assert "1.5" in grade.info["BaseGrader"]["error"]
    with pytest.raises(ValueError, match="not between 0 and 1"):
        await TooMuch.grade(weight=1.0)


async def test_any_awaitable_can_be_a_part() -> None:
    async def strange() -> SubScore:
        raise KeyError("x")

    grade = await Grade.gather(strange(), Half.grade(weight=1.0))
    (name,) = [name for name in grade.info if "strange" in name]
    assert grade.info[name]["error"] == "KeyError: 'x'"


async def test_graders_run_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    class Meeting(Grader):
        @classmethod
        async def compute_score(cls, **kwargs: Any) -> float:
            async with asyncio.timeout(5):
                await both.wait()
            return 1.0

    assert (await Grade.gather(Meeting.grade(1.0), Meeting.grade(1.0))).reward == 1.0


@pytest.mark.parametrize("scores", [[], [SubScore(name="fault", value=1.0, weight=-1.0)]])
def test_a_grade_needs_something_to_earn(scores: list[SubScore]) -> None:
    with pytest.raises(ValueError, match="positive weight"):
        Grade.from_subscores(scores)


async def test_the_best_and_the_worst_of_several_count() -> None:
    scores = [SubScore(name="a", value=0.2), SubScore(name="b", value=0.7, metadata={"x": 1})]
    best, worst = Grader.any(1.0, scores), Grader.all(weight=1.0, subscores=scores)
    assert (best.name, best.value) == ("BaseGrader_any", 0.7)
    assert (worst.name, worst.value) == ("BaseGrader_all", 0.2)
    assert best.metadata == {"subscores": ["a", "b"], "subscore_metadata": {"b": {"x": 1}}}


@pytest.mark.parametrize(("command", "value"), [("true", 1.0), ("false", 0.0), ("kill $$", 0.0)])
async def test_a_command_passes_or_not(command: str, value: float) -> None:
    assert (await BashGrader.grade(1.0, command=command)).value == value


async def test_a_command_leaves_its_output_as_evidence(tmp_path: Path) -> None:
    score = await BashGrader.grade(1.0, command="pwd; echo e >&2; exit 3", cwd=str(tmp_path))
    told = score.metadata or {}
    assert (told["exit_code"], told["stdout"], told["stderr"]) == (3, f"{tmp_path}\n", "e\n")
    assert "timed_out" not in told


async def test_a_command_runs_in_a_login_shell() -> None:
    score = await BashGrader.grade(1.0, command="shopt -q login_shell")
    assert score.value == 1.0


async def test_a_command_that_takes_too_long_is_killed_with_everything_it_started() -> None:
    command = "sleep 60 & echo $!; sleep 60"
    score = await BashGrader.grade(1.0, command=command, timeout_seconds=1)
    told = score.metadata or {}
    assert (score.value, told["exit_code"], told["timed_out"]) == (0.0, None, True)
    assert ends(int(told["stdout"]))


async def test_what_a_command_leaves_behind_is_killed() -> None:
    score = await BashGrader.grade(1.0, command="sleep 60 & echo $!")
    assert ends(int((score.metadata or {})["stdout"]))


async def test_a_folder_that_does_not_exist_is_a_failure(tmp_path: Path) -> None:
    missing = BashGrader.grade(1.0, command="true", cwd=str(tmp_path / "no"))
    grade = await Grade.gather(missing, SubScore(name="b", value=1.0))
    assert grade.reward == 0.5
    assert "No such file" in grade.info["BashGrader"]["error"]


async def test_a_grade_is_what_a_scenario_yields() -> None:
    env = Environment("graded")

    @env.scenario("write")
    async def write() -> AsyncGenerator[Any, Any]:
        answer = yield "say yes"
        said = SubScore(name="said", value=exact_match(answer, "yes"), weight=0.5)
        yield await Grade.gather(BashGrader.grade(weight=0.5, command="true"), said)

    trace = await env("write").run(ScriptedAgent("no"))
    assert trace.reward == 0.5
    result = trace.evaluation_result
    assert result is not None
    assert [score.name for score in result.subscores or []] == ["BashGrader", "said"]


@pytest.fixture(scope="module")
def provider_process() -> Iterator[fake_provider.Running]:
    with fake_provider.running() as process:
        yield process


@pytest.fixture
def provider(
    provider_process: fake_provider.Running, monkeypatch: pytest.MonkeyPatch
) -> fake_provider.Running:
    provider_process.control(reset=True, default=fake_provider.DEFAULT)
    monkeypatch.setenv("OPENAI_BASE_URL", provider_process.openai_url)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", provider_process.url)
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(key, "key")
    return provider_process


def verdicts(*met: bool) -> str:
    said = [
        {"criterion": number, "reason": "so", "met": value} for number, value in enumerate(met, 1)
    ]
    return f"fixed:Here you are: {json.dumps(said)}"


@pytest.mark.parametrize(
    ("criteria", "met", "value"),
    [
        (["Correct"], [True], 1.0),
        (["Correct", ("Short", 3.0)], [True, False], 0.25),
        (["Correct", ("Rude", -0.5)], [True, True], 0.5),
        (["Correct", ("Rude", -2.0)], [True, True], 0.0),
    ],
)
async def test_a_judge_says_which_criteria_are_met(
    provider: fake_provider.Running, criteria: list[Any], met: list[bool], value: float
) -> None:
    score = await LLMJudgeGrader.grade(
        1.0, answer="Paris", question="Capital?", criteria=criteria, model=verdicts(*met)
    )
    assert score.value == value
    told = (score.metadata or {})["criteria"]
    assert [item["met"] for item in told] == met
    assert told[0]["reason"] == "so"


async def test_a_judge_is_shown_question_answer_and_criteria(
    provider: fake_provider.Running,
) -> None:
    criteria = ["Right", "Short"]
    asked: dict[str, Any] = {"answer": "Paris", "question": "Capital?", "criteria": criteria}
    await LLMJudgeGrader.grade(1.0, **asked, model=verdicts(True, True))
    messages = provider.requests[-1]["body"]["messages"]
    assert "Judge only what the answer says" in str(messages[0])
    for part in ("Capital?", "Paris", "1. Right", "2. Short"):
        assert part in str(messages[1])


@pytest.mark.parametrize("reply", ["fixed:Yes!", "fixed:[]", "fixed:[1", 'fixed:[{"met": "yes"}]'])
async def test_a_judge_that_does_not_judge_is_asked_again_and_then_a_failure(
    provider: fake_provider.Running, reply: str
) -> None:
    judged = LLMJudgeGrader.grade(1.0, answer="a", criteria=["Right"], model=reply)
    grade = await Grade.gather(judged, SubScore(name="b", value=1.0))
    assert grade.reward == 0.5
    assert "gave no verdicts" in grade.info["LLMJudgeGrader"]["error"]
    assert grade.isError
    assert provider.stats["requests"] == 2


def judged_by(model: str) -> Environment:
    """An environment whose scenario asks a judge, and checks something itself."""
    env = Environment("judged")

    @env.scenario("essay")
    async def essay() -> AsyncGenerator[Any, Any]:
        answer = yield "Write about rivers."
        judge = LLMJudgeGrader.grade(0.75, "quality", answer=answer, criteria=["Good"], model=model)
        yield await Grade.gather(
            judge, SubScore(name="length", value=float(bool(answer)), weight=0.25)
        )

    return env


JUDGES = {"chat": "any", "responses": "gpt-5.4", "messages": "claude-haiku-4-5"}
"""A judge's model for each protocol."""


@pytest.mark.parametrize("protocol", JUDGES)
@pytest.mark.parametrize(("met", "reward"), [(True, 1.0), (False, 0.25)])
async def test_a_verdict_of_any_provider_is_part_of_the_reward(
    provider: fake_provider.Running, protocol: str, met: bool, reward: float
) -> None:
    model = f"{JUDGES[protocol]}~{verdicts(met)}"
    trace = await judged_by(model)("essay").run(ScriptedAgent("Rivers flow."))
    assert (trace.reward, trace.error) == (reward, None)
    assert provider.requests[-1]["path"].endswith(protocol.replace("chat", "chat/completions"))
    assert "Rivers flow." in str(provider.requests[-1]["body"])


@pytest.mark.parametrize("protocol", JUDGES)
async def test_a_judge_whose_provider_fails_leaves_no_reward_and_loses_no_other_part(
    provider: fake_provider.Running, protocol: str
) -> None:
    model = f"{JUDGES[protocol]}~status:400"
    trace = await judged_by(model)("essay").run(ScriptedAgent("Rivers flow."))
    assert (trace.reward, trace.isError) == (None, True)
    assert "`quality`: ProviderFailure" in str(trace.error)
    graded = trace.evaluation_result
    assert graded is not None
    quality, length = graded.subscores or []
    assert (quality.value, length.value, length.error) == (0.0, 1.0, None)
    assert "400" in str(quality.error)
    assert "400" in str(trace.trace[-1].error)


async def test_an_authors_own_judge_that_cannot_ask_its_provider_is_no_wrong_answer() -> None:
    async def ask() -> SubScore:
        async with openai.AsyncOpenAI(
            api_key="key", base_url="http://127.0.0.1:9", max_retries=0
        ) as client:
            await client.responses.create(model="m", input="?")
        raise AssertionError

    grade = await Grade.gather(ask(), SubScore(name="b", value=1.0))
    assert "APIConnectionError" in str(grade.ungraded)
    assert (grade.reward, grade.isError) == (0.5, True)


async def test_a_part_says_that_it_was_not_graded_only_where_it_was_not() -> None:
    grade = await Grade.gather(Broken.grade(weight=1.0), Half.grade(weight=1.0))
    assert (grade.ungraded, grade.isError) == (None, False)
    assert grade.model_dump()["subscores"][0] == {"name": "broken", "weight": 0.5, "value": 0.0}
    part = SubScore(name="a", value=0, error="no judge")
    assert SubScore.model_validate(part.model_dump()) == part


async def test_a_judge_without_a_key_is_a_failure_that_names_it() -> None:
    judged = LLMJudgeGrader.grade(1.0, answer="a", criteria=["Right"])
    grade = await Grade.gather(judged, SubScore(name="b", value=1.0))
    assert "ANTHROPIC_API_KEY" in grade.info["LLMJudgeGrader"]["error"]


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (("OPENAI",), ("/v1/responses", "gpt-5.4")),
        (("OPENAI", "ANTHROPIC"), ("/v1/messages", "claude-haiku-4-5")),
    ],
)
async def test_a_judge_that_is_not_named_is_of_the_provider_that_is_configured(
    provider: fake_provider.Running,
    monkeypatch: pytest.MonkeyPatch,
    keys: tuple[str, ...],
    asked: tuple[str, str],
) -> None:
    for key in {"OPENAI", "ANTHROPIC"} - {*keys}:
        monkeypatch.delenv(f"{key}_API_KEY")
    provider.control(script=[verdicts(True)])
    score = await LLMJudgeGrader.grade(1.0, answer="a", criteria=["Right"])
    (request,) = provider.requests
    assert score.value == 1.0
    assert (request["path"], request["body"]["model"]) == asked


@pytest.mark.parametrize("criteria", [None, [], [("Rude", -1.0)]])
async def test_a_judge_needs_criteria(criteria: Any) -> None:
    with pytest.raises(UserError, match="criteri"):
        await LLMJudgeGrader.grade(1.0, answer="a", criteria=criteria)


@pytest.mark.parametrize("module", ["hud.native", "hud.native.graders"])
def test_every_public_name_can_be_imported(module: str) -> None:
    imported = importlib.import_module(module)
    assert [name for name in imported.__all__ if not hasattr(imported, name)] == []

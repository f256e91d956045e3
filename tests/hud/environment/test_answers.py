"""The answer, as the scenario receives it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from pydantic import BaseModel

import hud.environment.scenarios
from hud.types import AgentAnswer
from tests.hud.environment.plays import Play, playing

pytestmark = pytest.mark.anyio


class Reply(BaseModel):
    city: str
    sure: bool = True


class Letter(BaseModel):
    content: str


async def answer_received(*submitted: Any, **options: Any) -> Any:
    received: list[Any] = []

    async def it() -> Play:
        received.append((yield "prompt"))
        yield 1.0

    session = playing(it, **options)
    await session.get_prompt("it", {})
    for answer in submitted:
        session.submit(answer)
    await session.grade("it")
    return received[0]


ANSWERS = ["3", "", '{"content": "x"}', '{"a": 1}', "{", "[1, 2]", "null", "123", "é\n", '"quoted"']


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
async def test_the_scenario_receives_exactly_the_string_that_was_submitted(answer: str) -> None:
    assert await answer_received(answer) == answer


async def test_without_a_submission_the_answer_is_none() -> None:
    assert await answer_received() is None
    assert await answer_received(returns=int) is None
    assert await answer_received(enable_citations=True) is None


async def test_the_last_submission_counts() -> None:
    assert await answer_received("first", "second") == "second"


@pytest.mark.parametrize(
    ("returns", "answer", "content"),
    [
        (int, "4", 4),
        (int, " 4\n", 4),
        (int, 4, 4),
        (float, "0.5", 0.5),
        (bool, "true", True),
        (bool, "True", True),
        (str, "4", "4"),
        (str, '{"a": 1}', '{"a": 1}'),
        (list[str], '["a", "b"]', ["a", "b"]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Reply, '{"city": "Paris"}', Reply(city="Paris")),
        (Reply, '```json\n{"city": "Paris"}\n```', Reply(city="Paris")),
        (Reply, {"city": "Paris"}, Reply(city="Paris")),
        (Letter, '{"content": "dear"}', Letter(content="dear")),
        (Letter, {"content": "dear"}, Letter(content="dear")),
        (Reply | None, "null", None),
    ],
    ids=str,
)
async def test_an_answer_is_read_as_the_declared_type(
    returns: Any, answer: Any, content: Any
) -> None:
    received = await answer_received(answer, returns=returns)
    assert isinstance(received, AgentAnswer)
    assert received.content == content
    assert type(received.content) is type(content)


async def test_a_typed_answer_keeps_what_was_submitted() -> None:
    assert (await answer_received(" 4\n", returns=int)).raw == " 4\n"
    assert (await answer_received({"city": "Paris"}, returns=Reply)).raw == '{"city": "Paris"}'


@pytest.mark.parametrize(
    ("returns", "answer"), [(int, "four"), (Reply, "Paris"), (Reply, '{"a": 1}')], ids=str
)
async def test_an_answer_of_another_type_arrives_as_it_is_with_a_warning(
    returns: Any, answer: str
) -> None:
    with pytest.warns(UserWarning, match="scenario `it`: the answer does not fit `returns`"):
        received = await answer_received(answer, returns=returns)
    assert (received.content, received.raw) == (answer, answer)


CITED = {"content": "Paris", "citations": [{"source": "atlas", "text": "Paris is …"}]}


@pytest.mark.parametrize(
    "submitted", [CITED, '{"content": "Paris", "citations": [{"source": "atlas"}]}']
)
async def test_citations_arrive_beside_the_answer(submitted: Any) -> None:
    received = await answer_received(submitted, enable_citations=True)
    assert (received.content, received.raw) == ("Paris", "Paris")
    assert [citation.source for citation in received.citations] == ["atlas"]


async def test_citations_go_with_a_declared_type() -> None:
    received = await answer_received({**CITED, "content": '{"city": "Paris"}'}, returns=Reply)
    assert received.content == Reply(city="Paris")
    assert received.citations[0].source == "atlas"


async def test_a_plain_answer_has_no_citations() -> None:
    received = await answer_received("Paris", enable_citations=True)
    assert (received.content, received.citations) == ("Paris", [])


async def test_a_structured_answer_to_a_plain_scenario_is_its_content() -> None:
    assert await answer_received(CITED) == "Paris"
    assert await answer_received({"a": 1}) == {"a": 1}


async def test_published_environments_may_replace_how_the_answer_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "_build_answer_for_generator"
    original = getattr(hud.environment.scenarios, name)

    def shouting(session: Any) -> Any:
        session.answer = session.answer.upper()
        return original(session)

    monkeypatch.setattr(hud.environment.scenarios, name, shouting)
    assert await answer_received("quiet") == "QUIET"


def test_the_fields_of_the_answer_itself_are_found_on_its_wrapper() -> None:
    answer: Any = AgentAnswer(content=Reply(city="Oslo"), raw="{}")
    assert (answer.city, answer.raw) == ("Oslo", "{}")
    text: Any = AgentAnswer(content="Oslo")
    assert text.lower() == "oslo"
    with pytest.raises(AttributeError, match="'AgentAnswer' object has no attribute 'country'"):
        _ = answer.country
    assert copy.deepcopy(answer) == pickle.loads(pickle.dumps(answer)) == answer

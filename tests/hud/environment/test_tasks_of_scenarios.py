"""Tasks made of scenarios: arguments are checked when the task is made."""

from __future__ import annotations

import datetime
import enum
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from hud import Environment, Task
from hud.environment import ScenarioHandle
from hud.environment.arguments import ArgumentError
from hud.errors import HudError, UserError

pytestmark = pytest.mark.anyio

Play = AsyncGenerator[Any, Any]

env = Environment("Letter_Lab")


class Size(enum.Enum):
    SMALL = "small"


class Shelf(BaseModel):
    items: list[str]
    size: Size = Size.SMALL


@env.scenario("count")
async def count(word: str, letter: str = "a", limit: int = 3) -> Play:
    yield word
    yield 1.0


@env.scenario("typed")
async def typed(  # noqa: PLR0913 - one parameter of each kind
    note: str | None = None,
    mode: Literal["fast", "slow"] | None = None,
    words: list[str] = [],  # noqa: B006 - published environments have such defaults
    rows: list[dict[str, Any]] | None = None,
    weights: dict[str, float] | None = None,
    table: Sequence[Mapping[str, Any]] = (),
    shelf: Shelf | None = None,
    when: datetime.date | None = None,
    anything: Any = None,
) -> Play:
    yield "prompt"
    yield 1.0


def test_a_task_names_the_environment_the_scenario_and_the_arguments() -> None:
    task = env("count", word="strawberry", letter="r")
    assert task.env is env
    assert (task.env_name, task.scenario) == ("letter-lab", "count")
    assert task.args == {"word": "strawberry", "letter": "r"}
    assert task.slug is None


def test_both_ways_and_positional_arguments_make_the_same_task() -> None:
    tasks = [
        env("count", word="a", letter="b"),
        env("letter-lab:count", word="a", letter="b"),
        count.task("a", "b"),
        count.task("a", letter="b"),
        count.task(word="a", letter="b"),
    ]
    assert len({task.model_dump_json() for task in tasks}) == 1
    assert len({task.key for task in tasks}) == 1


def test_without_a_scenario_the_task_is_only_the_environment() -> None:
    task = env()
    assert (task.env, task.scenario, task.args) == (env, None, {})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"letter": "b"}, "scenario `count`: argument 'word' is missing"),
        ({"word": "a", "leter": "b"}, "scenario `count`: unknown argument 'leter'"),
        ({"word": 5}, "scenario `count`: argument 'word': Input should be a valid string (got 5)"),
        ({"word": None}, "scenario `count`: argument 'word': Input should be a valid string"),
        (
            {"word": "a", "limit": "many"},
            "scenario `count`: argument 'limit': Input should be a valid integer",
        ),
        (
            {"word": "a", "limit": None},
            "scenario `count`: argument 'limit': Input should be a valid integer",
        ),
        (
            {"word": "a", "limit": [3]},
            "scenario `count`: argument 'limit': Input should be a valid integer",
        ),
    ],
    ids=str,
)
def test_an_argument_that_does_not_fit_raises_at_once(
    arguments: dict[str, Any], complaint: str
) -> None:
    makers: list[Callable[[], Task]] = [
        lambda: env("count", **arguments),
        lambda: count.task(**arguments),
    ]
    for make in makers:
        with pytest.raises(ArgumentError) as caught:
            make()
        assert caught.value.message.startswith(complaint)
        assert isinstance(caught.value, UserError)
        assert isinstance(caught.value, TypeError)


def test_without_arguments_that_it_demands_a_scenario_is_a_template() -> None:
    template = env("count")
    assert (template.scenario, template.args) == ("count", None)
    with pytest.raises(ArgumentError, match="scenario `count`: argument 'word' is missing"):
        count.task()


def test_positional_arguments_that_do_not_fit_raise_at_once() -> None:
    with pytest.raises(ArgumentError, match="scenario `count` takes 3 arguments, but 4 were given"):
        count.task("a", "b", 3, 4)
    with pytest.raises(ArgumentError, match="scenario `count`: argument 'word' is given twice"):
        count.task("a", word="b")


def test_an_unknown_scenario_names_the_near_one() -> None:
    with pytest.raises(
        UserError, match="environment `letter-lab` has no scenario `cuont`"
    ) as caught:
        env("cuont")
    assert caught.value.hint == "did you mean `count`?"


def test_scenarios_of_a_connection_are_not_known_before_it_is_open() -> None:
    outer = Environment("outer")
    outer.connect_server(env)
    assert outer("letter-lab:count", word="a").scenario == "letter-lab:count"


def test_scenarios_that_an_initialize_hook_declares_are_not_known_before_it_ran() -> None:
    late = Environment("late")

    @late.initialize
    async def declare() -> None:
        @late.scenario("greet")
        async def greet(name: str) -> AsyncGenerator[Any, str]:
            answer = yield f"Greet {name}."
            yield float(name in answer)

    assert late("greet", name="Ada").args == {"name": "Ada"}

    @late.scenario("leave")
    async def leave() -> AsyncGenerator[Any, str]:
        yield "Leave."
        yield 1.0

    with pytest.raises(UserError, match="environment `late` has no scenario `greet`"):
        late("greet", name="Ada")


@pytest.mark.parametrize("word", ["null", "123", "true", "[1]", '{"a": 1}', "", "0.5", " x "])
def test_what_is_annotated_as_text_stays_text(word: str) -> None:
    assert env("count", word=word).args == {"word": word}
    assert env("typed", note=word).args == {"note": word}


@pytest.mark.parametrize(
    ("arguments", "stored"),
    [
        ({"limit": "4"}, {"limit": 4}),
        ({"limit": 4.0}, {"limit": 4}),
        ({"limit": True}, {"limit": 1}),
    ],
    ids=str,
)
def test_arguments_are_stored_in_the_type_of_the_signature(
    arguments: dict[str, Any], stored: dict[str, Any]
) -> None:
    args = env("count", word="a", **arguments).args
    assert args == {"word": "a", **stored}
    assert args is not None
    assert type(args["limit"]) is int


@pytest.mark.parametrize(
    ("arguments", "stored"),
    [
        ({"note": None}, {"note": None}),
        ({"note": "x"}, {"note": "x"}),
        ({"mode": "fast"}, {"mode": "fast"}),
        ({"mode": None}, {"mode": None}),
        ({"words": ["a", "b"]}, {"words": ["a", "b"]}),
        ({"words": ("a",)}, {"words": ["a"]}),
        ({"rows": [{"a": 1, "b": None}]}, {"rows": [{"a": 1, "b": None}]}),
        ({"weights": {"a": "0.5"}}, {"weights": {"a": 0.5}}),
        ({"table": [{"a": {"b": [1]}}]}, {"table": [{"a": {"b": [1]}}]}),
        ({"shelf": Shelf(items=["a"])}, {"shelf": {"items": ["a"], "size": "small"}}),
        ({"shelf": {"items": []}}, {"shelf": {"items": [], "size": "small"}}),
        ({"when": datetime.date(2024, 5, 6)}, {"when": "2024-05-06"}),
        ({"anything": {"a": [1, "2", None]}}, {"anything": {"a": [1, "2", None]}}),
    ],
    ids=str,
)
def test_arguments_of_every_kind_become_json(
    arguments: dict[str, Any], stored: dict[str, Any]
) -> None:
    task = typed.task(**arguments)
    assert task.args == stored
    assert typed.task(**(task.args or {})).args == stored


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"mode": "medium"}, "mode"),
        ({"words": "a, b"}, "words"),
        ({"words": [1]}, "words.0"),
        ({"rows": {"a": 1}}, "rows"),
        ({"weights": {"a": "much"}}, "weights.a"),
        ({"table": [1]}, "table.0"),
        ({"shelf": {"items": [], "size": "huge"}}, "shelf.size"),
        ({"when": "tomorrow"}, "when"),
    ],
    ids=str,
)
def test_an_argument_of_the_wrong_shape_is_named(arguments: dict[str, Any], name: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        typed.task(**arguments)
    assert f"scenario `typed`: argument '{name}" in caught.value.message


@pytest.mark.parametrize(
    "arguments",
    [{"anything": object()}, {"anything": float("nan")}, {"weights": {"a": float("inf")}}],
    ids=["object", "nan", "inf"],
)
def test_an_argument_that_is_no_json_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(
        ArgumentError, match="scenario `typed`: an argument cannot be written as JSON"
    ):
        typed.task(**arguments)


def test_what_is_not_given_is_not_stored() -> None:
    assert typed.task().args == {}


def test_changing_what_was_given_does_not_change_the_task() -> None:
    words, row = ["a"], {"a": [1]}
    task = typed.task(words=words, rows=[row])
    words.append("b")
    row["a"].append(2)
    assert task.args == {"words": ["a"], "rows": [{"a": [1]}]}


@pytest.mark.parametrize(
    "name", ["scenario", "self", "name", "args", "kwargs", "env", "arguments", "function"]
)
def test_an_argument_may_have_any_name(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"async def it({name}: str):\n    yield {name}\n    yield 1.0", namespace)
    lab = Environment("lab")
    handle: ScenarioHandle = lab.scenario(namespace["it"])
    expected = {name: "x"}
    assert (
        handle.task(**expected).args
        == lab("it", **expected).args
        == handle.task("x").args
        == expected
    )


async def test_an_argument_may_have_any_name_in_the_run_too() -> None:
    lab = Environment("lab")

    @lab.scenario("it")
    async def it(scenario: str, self: str, name: str) -> Play:
        yield f"{scenario} {self} {name}"
        yield 1.0

    task = it.task(scenario="a", self="b", name="c")
    assert await lab.run_scenario_setup("it", task.args or {}) == "a b c"
    await lab.session.close()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "note": st.none() | st.text(),
            "words": st.lists(st.text()),
            "weights": st.none()
            | st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
            "rows": st.lists(st.dictionaries(st.text(), st.none() | st.integers() | st.text())),
        },
    )
)
def test_a_task_survives_json(arguments: dict[str, Any]) -> None:
    task = typed.task(**arguments)
    again = Task.model_validate_json(task.model_dump_json())
    assert (again.args, again.env_name, again.scenario) == (task.args, "letter-lab", "typed")
    assert again.key == task.key
    assert typed.task(**(again.args or {})).args == task.args


def test_an_argument_error_is_one_line_with_a_hint() -> None:
    with pytest.raises(HudError) as caught:
        count.task(letter=1)
    assert "\n" not in str(caught.value)
    assert caught.value.hint == "its arguments are word, letter (optional), limit (optional)"

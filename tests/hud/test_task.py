"""Tasks as data: what fits their fields, how they are copied, and that JSON loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hud import Environment, Task
from hud.errors import UserError
from hud.task import SLUG_PATTERN, EnvConfig, TaskAgentConfig, check_unique_slugs, new_id
from hud.types import MCPToolCall

GOOD_SLUGS = ["a", "1", "strawberry-r", "a-1-b-2", "count_letters-2", "x" * 100, None]
BAD_SLUGS = ["", "Strawberry", "a b", "-a", "a-", "a_", "a--b", "a-_b", "é", "a\n", "x" * 101, 5]


@pytest.mark.parametrize("slug", GOOD_SLUGS)
def test_a_kebab_case_slug_is_kept(slug: str | None) -> None:
    task = Task(slug=slug)
    assert task.slug == slug
    task.slug = slug
    assert task.slug == slug


@pytest.mark.parametrize("slug", BAD_SLUGS, ids=lambda slug: repr(slug)[:20])
def test_any_other_slug_is_refused_when_made_and_when_assigned(slug: Any) -> None:
    with pytest.raises(ValidationError):
        Task(slug=slug)
    task = Task(slug="good")
    with pytest.raises(ValidationError):
        task.slug = slug
    assert task.slug == "good"


def test_a_bad_slug_is_named_with_an_example() -> None:
    with pytest.raises(ValidationError, match="slug 'Straw Berry' is not kebab-case"):
        Task(slug="Straw Berry")
    with pytest.raises(ValidationError, match="has 500 characters; at most 100 fit"):
        Task(slug="x" * 500)


COLUMNS: dict[str, Any] = {
    "text": "easy",
    "whole": 3,
    "number": 0.5,
    "flag": True,
    "many": ["a", "b"],
    "none": None,
    "empty": [],
    "": "unnamed",
}


def test_columns_keep_texts_numbers_and_lists_in_their_types() -> None:
    task = Task(columns=COLUMNS)
    assert task.columns == COLUMNS
    assert [type(value) for value in task.columns.values()] == [
        type(value) for value in COLUMNS.values()
    ]
    task.columns = {"many": ("a", "b")}  # type: ignore[dict-item]
    assert task.columns == {"many": ["a", "b"]}


@pytest.mark.parametrize(
    "columns",
    [
        {"a": {"nested": 1}},
        {"a": [1]},
        {"a": [["b"]]},
        {"a": ...},
        {"a": float("nan")},
        {"a": float("inf")},
        {1: "a"},
        ["a"],
        "a",
    ],
    ids=str,
)
def test_any_other_column_is_refused_when_made_and_when_assigned(columns: Any) -> None:
    with pytest.raises(ValidationError, match="column"):
        Task(columns=columns)
    task = Task(columns={"good": 1})
    with pytest.raises(ValidationError):
        task.columns = columns
    assert task.columns == {"good": 1}


def test_a_bad_column_is_named_with_its_value() -> None:
    with pytest.raises(
        ValidationError, match=r"column 'level' holds \{'a': 1\}; a column is a text"
    ):
        Task(columns={"level": {"a": 1}})


CALL = MCPToolCall(name="count", arguments={"word": "a"})


@pytest.mark.parametrize(
    "call",
    [CALL, {"name": "count", "arguments": {"word": "a"}}, ("count", {"word": "a"})],
    ids=["call", "dict", "pair"],
)
def test_validation_is_a_list_of_calls_however_they_are_written(call: Any) -> None:
    task = Task()
    task.validation = [call]
    for made in (task, Task(validation=[call])):
        assert made.validation is not None
        assert [(item.name, item.arguments) for item in made.validation] == [
            ("count", {"word": "a"})
        ]


@pytest.mark.parametrize("call", [("count",), ("count", None), {"name": "count"}], ids=str)
def test_a_call_of_validation_may_have_no_arguments(call: Any) -> None:
    validation = Task(validation=[call]).validation
    assert validation is not None
    assert validation[0].arguments == {}


@pytest.mark.parametrize(
    "validation", ["count", [3], [()], [("a", {}, 1)], [("a", "b")], [{"arguments": {}}]], ids=str
)
def test_validation_that_is_no_list_of_calls_is_refused(validation: Any) -> None:
    with pytest.raises(ValidationError):
        Task(validation=validation)
    with pytest.raises(ValidationError):
        Task().validation = validation


def test_empty_fields_of_json_are_their_defaults() -> None:
    task = Task.model_validate(
        {"columns": None, "metadata": None, "validation": None, "unknown": 1}
    )
    assert (task.columns, task.metadata, task.validation, task.args) == ({}, {}, None, None)


@pytest.mark.parametrize(
    "env",
    [
        "lab",
        {"name": "lab"},
        {"name": "lab", "other": 1},
        EnvConfig(name="lab"),
        Environment("lab"),
    ],
    ids=str,
)
def test_an_environment_may_be_given_by_name_or_alive(env: Any) -> None:
    task = Task(env=env, scenario="count")
    assert task.env_name == "lab"
    assert task.to_json()["env"] == {"name": "lab"}


@pytest.mark.parametrize("env", [3, ["lab"], {"include": []}], ids=str)
def test_what_is_no_environment_is_refused(env: Any) -> None:
    with pytest.raises(ValidationError):
        Task(env=env)


@pytest.mark.parametrize(
    ("fields", "env_name", "scenario_name"),
    [
        ({}, None, ""),
        ({"scenario": "count"}, None, "count"),
        ({"scenario": "lab:count"}, "lab", "count"),
        ({"env": "other", "scenario": "lab:count"}, "other", "count"),
    ],
    ids=str,
)
def test_names_come_from_the_environment_or_the_scenarios_prefix(
    fields: dict[str, Any], env_name: str | None, scenario_name: str
) -> None:
    task = Task(**fields)
    assert (task.env_name, task.scenario_name) == (env_name, scenario_name)


def full_task(**changes: Any) -> Task:
    fields: dict[str, Any] = {
        "env": Environment("lab"),
        "scenario": "count",
        "args": {"words": ["a"], "rows": [{"b": [None, 1]}]},
        "id": "7",
        "slug": "count-a",
        "columns": {"level": "easy", "tags": ["x"]},
        "validation": [CALL],
        "agent_config": TaskAgentConfig(system_prompt="Be brief.", allowed_tools=["count"]),
        "metadata": {"source": {"page": 3}},
    }
    return Task(**(fields | changes))


def test_a_copy_has_all_fields_but_its_identity() -> None:
    task = full_task()
    copy = task.copy()
    assert (copy.id, copy.slug) == (None, None)
    assert copy.env is task.env
    kept = {"scenario", "args", "columns", "validation", "agent_config", "metadata"}
    assert copy.model_dump(include=kept) == task.model_dump(include=kept)


def test_a_copy_is_independent() -> None:
    task = full_task()
    before = task.model_dump_json()
    copy = task.copy()
    assert copy.args is not None
    assert copy.validation is not None
    assert copy.agent_config is not None
    copy.args["rows"][0]["b"].append(2)
    copy.columns["tags"].append("y")  # type: ignore[union-attr]
    copy.validation[0].arguments["word"] = "b"
    copy.agent_config.system_prompt = "Be long."
    copy.metadata["source"]["page"] = 4
    assert task.model_dump_json() == before


def test_a_copy_takes_changes_and_checks_them() -> None:
    copy = full_task().copy(slug="other", args={"words": []})
    assert (copy.slug, copy.args) == ("other", {"words": []})
    with pytest.raises(ValidationError, match="kebab-case"):
        full_task().copy(slug="Bad")


@pytest.mark.parametrize("validation", [None, []])
def test_a_copy_tells_no_validation_from_an_empty_one(validation: Any) -> None:
    assert full_task(validation=validation).copy().validation == validation


def test_json_of_a_live_task_reads_back() -> None:
    task = full_task()
    data = json.loads(json.dumps(task.to_json()))
    again = Task(**data)
    assert data["args"] == {"words": ["a"], "rows": [{"b": [None, 1]}]}
    assert again.model_dump() == task.model_dump()
    assert again.env == EnvConfig(name="lab")
    assert Task.model_validate_json(task.model_dump_json()).model_dump() == task.model_dump()


def test_a_template_stays_a_template_in_json() -> None:
    assert Task(**Task(scenario="count", args=None).to_json()).args is None
    assert Task(**Task(scenario="count", args={}).to_json()).args == {}


TEXT = st.text()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
CELLS = (
    st.none()
    | st.booleans()
    | st.integers()
    | TEXT
    | st.lists(TEXT)
    | st.floats(allow_nan=False, allow_infinity=False)
)
TASKS = st.builds(
    Task,
    env=st.none() | st.builds(EnvConfig, name=TEXT),
    scenario=st.none() | TEXT,
    args=st.none() | st.dictionaries(TEXT, JSON, max_size=3),
    id=st.none() | TEXT,
    slug=st.none()
    | st.from_regex(SLUG_PATTERN, fullmatch=True).filter(lambda slug: len(slug) <= 100),
    columns=st.dictionaries(TEXT, CELLS, max_size=3),
    validation=st.none()
    | st.lists(st.builds(MCPToolCall, arguments=st.dictionaries(TEXT, JSON, max_size=2))),
    metadata=st.dictionaries(TEXT, JSON, max_size=3),
)


@given(TASKS)
def test_every_task_survives_json(task: Task) -> None:
    for again in (
        Task(**json.loads(json.dumps(task.to_json()))),
        Task.model_validate_json(task.model_dump_json()),
    ):
        assert again == task
        assert again.key == task.key


@given(TASKS)
def test_a_key_is_always_a_slug(task: Task) -> None:
    assert SLUG_PATTERN.fullmatch(task.key)
    assert len(task.key) <= 100


def test_a_slug_is_the_key() -> None:
    assert full_task().key == "count-a"


def test_the_key_depends_on_environment_scenario_and_arguments_only() -> None:
    task = full_task(slug=None)
    same = [
        task.copy(),
        task.copy(columns={}, metadata={"other": 1}, id="8"),
        task.copy(env="lab"),
        task.copy(env=None, scenario="lab:count"),
        task.copy(scenario="lab:count"),
        task.copy(args=dict(reversed((task.args or {}).items()))),
    ]
    other = [task.copy(env="shop"), task.copy(scenario="spell"), task.copy(args={})]
    assert {item.key for item in same} == {task.key}
    assert len({item.key for item in [task, *other]}) == 4


def test_the_key_is_the_same_in_every_process() -> None:
    task = Task(env="lab", scenario="Count Letters!", args={"word": "é", "n": 1})
    assert task.key == "count-letters-10cd3a9a"


def test_slugs_are_unique_in_a_taskset() -> None:
    check_unique_slugs([Task(slug="a"), Task(slug="b"), Task(), Task()])
    task = Task(slug="a")
    check_unique_slugs([task, task])
    with pytest.raises(UserError, match="two tasks have the slug `a`"):
        check_unique_slugs([Task(slug="a"), Task(slug="b"), Task(slug="a")])


def test_ids_are_fresh() -> None:
    assert len({new_id() for _ in range(100)}) == 100
    assert len(new_id()) == 32


V4 = {
    "prompt": "Go.",
    "mcp_config": {"here": {"url": "http://127.0.0.1:9/mcp"}},
    "evaluate_tool": {"name": "evaluate", "arguments": {}},
    "id": "go-there",
}


@pytest.mark.parametrize(
    "make",
    [lambda: Task(**V4), lambda: Task.from_v4(V4), lambda: Task.from_v4(json.dumps(V4))],
    ids=["fields", "dict", "text"],
)
def test_a_v4_task_is_read_from_its_fields_and_its_data(make: Callable[[], Task]) -> None:
    task = make()
    assert (task.slug, task.scenario, task.env.name) == ("go-there", "legacy", "v4-legacy")
    assert (task.args or {})["prompt"] == "Go."


def test_half_a_v4_task_says_what_it_lacks() -> None:
    with pytest.raises(UserError, match="has no `mcp_config`"):
        Task(prompt="Go.")
    with pytest.raises(UserError, match="is not JSON"):
        Task.from_v4("{")

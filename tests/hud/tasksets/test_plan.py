"""What an upload changes."""

from __future__ import annotations

from typing import Any

import pytest

from hud.errors import UserError
from hud.task import Task, TaskAgentConfig
from hud.tasksets import check_tasks, keeping, plan, signature
from hud.types import MCPToolCall


def task(slug: str = "count-r", **fields: Any) -> dict[str, Any]:
    return {"slug": slug, "scenario": "letters:count", "args": {"word": "r"}, **fields}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"scenario": "count", "env": {"name": "letters"}}, []),
        ({"scenario": "letters:find"}, ["scenario"]),
        ({"args": {"word": "s"}}, ["args"]),
        ({"args": {}}, ["args"]),
        ({"env": {"name": "other"}}, ["env"]),
        ({"columns": {"level": 1}}, ["columns"]),
        ({"columns": {"level": None, "tags": []}}, []),
        ({"validation": [{"name": "submit", "arguments": {}}]}, ["validation"]),
        ({"validation": []}, []),
        ({"agent_config": {"append_setup_output": False, "system_prompt": None}}, []),
        ({"agent_config": {"system_prompt": "Be brief."}}, ["agent_config"]),
        ({"metadata": {"author": "me"}}, []),
        ({"args": {"word": 1}, "columns": {"a": "b"}}, ["args", "columns"]),
    ],
    ids=[
        "same", "env-apart", "scenario", "args", "no-args", "env", "columns", "empty-columns",
        "validation", "no-validation", "default-config", "config", "metadata", "two",
    ],
)  # fmt: skip
def test_a_task_is_updated_where_it_differs(changes: dict[str, Any], fields: list[str]) -> None:
    planned = plan([task(**changes)], [task()])
    assert [(p.slug, p.change, p.fields) for p in planned] == [
        ("count-r", "update" if fields else "unchanged", fields)
    ]


def test_clearing_all_columns_is_an_update() -> None:
    planned = plan([task()], [task(columns={"level": "easy"})])
    assert (planned[0].change, planned[0].fields) == ("update", ["columns"])


def test_kept_fields_are_those_of_the_remote_task_of_the_same_slug() -> None:
    proof = [{"name": "submit", "arguments": {}}]
    remote = {"a": task("a", validation=proof, env={"name": "e", "include": ["t"]})}
    local = [task("a", env={"name": "e"}), task("b"), task("a", env={"name": "other"})]
    kept = keeping(local, remote, ["validation"])
    assert [item.get("validation") for item in kept] == [proof, None, proof]
    assert [item.get("env") for item in kept] == [
        {"name": "e", "include": ["t"]}, None, {"name": "other"},
    ]  # fmt: skip
    assert keeping(local, remote, []) == local


def test_tasks_are_created_and_those_only_there_are_reported() -> None:
    planned = plan(
        [task("b"), task("a")], [task("a"), task("c", args={}), task("d", args={"n": 1})]
    )
    assert [(p.slug, p.change) for p in planned] == [
        ("b", "create"),
        ("a", "unchanged"),
        ("c", "remote-only"),
        ("d", "remote-only"),
    ]


def test_a_new_task_equal_to_one_that_is_only_there_was_renamed() -> None:
    planned = plan([task("new"), task("other", args={"n": 2})], [task("old")])
    assert [p.renamed_from for p in planned] == ["old", None, None]


def test_a_task_keeps_its_signature_through_its_json() -> None:
    original = Task(
        scenario="letters:count",
        slug="count-r",
        args={"b": [1, {"c": None}], "a": 1},
        validation=[MCPToolCall(name="submit")],
        agent_config=TaskAgentConfig(allowed_tools=["*"]),
    )
    again = Task(**original.to_json())
    assert signature(again.to_json()) == signature(original.to_json())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"scenario": "s"}, "task 2 has no slug"),
        ({"slug": "  ", "scenario": "s"}, "task 2 has no slug"),
        ({"slug": "a"}, "task `a` has no scenario"),
        ({"slug": "A b", "scenario": "s"}, "task `A b` cannot be read: slug"),
        ({"slug": "a", "scenario": "s", "args": [1]}, "task `a` cannot be read: args"),
        ({"slug": "a", "scenario": "s", "columns": {"x": {}}}, "task `a` cannot be read: columns"),
        ({"slug": "first", "scenario": "s"}, "two tasks have the slug `first`"),
        ({"slug": "a", "prompt": "p", "mcp_config": {}}, "task `a` has no scenario"),
    ],
    ids=["no-slug", "blank-slug", "no-scenario", "slug", "args", "columns", "twice", "v4"],
)
def test_a_task_that_cannot_be_kept_is_named(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_tasks([{"slug": "first", "scenario": "s"}, bad])
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("given", [{}, {"args": None}], ids=["left-out", "null"])
def test_a_task_without_arguments_is_kept_with_none_and_is_no_template(
    given: dict[str, Any],
) -> None:
    assert check_tasks([{"slug": "a", "scenario": "s", **given}])[0]["args"] == {}


def test_a_kept_task_has_no_empty_fields() -> None:
    given: dict[str, Any] = {
        "slug": " a ",
        "scenario": "s",
        "columns": {},
        "metadata": {},
        "id": None,
        "args": {},
    }
    assert check_tasks([given]) == [{"slug": "a", "scenario": "s", "args": {}}]

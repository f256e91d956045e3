"""How v4 data is read, and which v5 task it becomes."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from pydantic import ValidationError

from hud.environment.legacy import LegacyTask, is_v4, load_dicts, to_task, to_v5
from hud.errors import UserError
from hud.task import Task
from tests.hud.environment.legacy.tasks import shop_config, shop_task

BROKEN = [
    (shop_task(prompt=""), "has no `prompt`"),
    (shop_task(mcp_config=None), "has no `mcp_config`"),
    (shop_task(evaluate_tool=[]), "has no `evaluate_tool`"),
    ({"prompt": "Win."}, "has no `mcp_config`"),
    ({"mcp_config": shop_config()}, "has no `prompt`"),
    (shop_task(evaluate_tool="[]"), "has no `evaluate_tool`"),
    (shop_task(mcp_config="{}"), "`mcp_config`: it names no server"),
    (shop_task(mcp_config="{"), "`mcp_config`: '{' is not JSON"),
    (shop_task(mcp_config={"shop": {}}), "`shop` has neither `url` nor `command`"),
    (shop_task(mcp_config=[1]), "`mcp_config`"),
    (shop_task(setup_tool="navigate"), "`setup_tool`: 'navigate' is not JSON"),
    (shop_task(setup_tool={"name": "navigate", "url": "u"}), "unknown key 'url'"),
    (shop_task(setup_tools=[]), "unknown key `setup_tools`"),
    (shop_task(agent_config={"allowed_tool": []}), "unknown key 'allowed_tool'"),
    (shop_task(slug="Not Kebab"), "`slug`"),
    (shop_task(columns={"level": {}}), "`columns.level`"),
]

AGENT_CONFIGS = [
    ({"allowed_tools": ["*"]}, {}),
    ({"allowed_tools": ["add"]}, {"allowed_tools": ["add"]}),
    ('{"disallowed_tools": ["visi*"]}', {"disallowed_tools": ["visi*"]}),
    ({"system_prompt": "Be brief."}, {"system_prompt": "Be brief."}),
    ({"append_setup_tool": True}, {"append_setup_output": True}),
    ({"initial_screenshot": True, "response_tool_name": "answer"}, {}),
    ({}, {}),
    (None, {}),
]

DETECTED = [
    (shop_task(), True),
    ({"prompt": "Win."}, True),
    ({"mcp_config": {}}, True),
    ({"evaluate_tool": None}, True),
    ({"env": {"name": "shop"}, "scenario": "buy", "args": {}}, False),
    ({"scenario": "shop:buy", "prompt": "kept as an unknown field"}, False),
    ({"env": None, "scenario": None, **shop_task()}, True),
    ({"name": "x"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("data", "expected"), DETECTED)
def test_a_v4_task_is_told_from_a_v5_task(data: dict[str, Any], expected: bool) -> None:
    assert is_v4(data) is expected


@pytest.mark.parametrize(("data", "reason"), BROKEN)
def test_a_broken_task_is_an_error_that_names_the_field(data: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError) as refusal:
        to_task(data)
    assert reason in refusal.value.message
    assert "\n" not in refusal.value.message


def test_a_misspelt_field_is_answered_with_the_near_one() -> None:
    with pytest.raises(UserError) as refusal:
        to_task(shop_task(setup_tools=[]))
    assert refusal.value.hint == "did you mean `setup_tool`?"


def test_a_field_that_v4_data_sets_carry_along_is_left_out() -> None:
    assert to_v5(shop_task(difficulty="hard")) == to_v5(shop_task())


def test_an_item_is_named_by_its_position() -> None:
    with pytest.raises(UserError, match="item 1: the v4 task has no `prompt`"):
        load_dicts([shop_task(), shop_task(prompt="")])
    assert [task.scenario for task in load_dicts([shop_task()])] == ["legacy"]


@pytest.mark.parametrize(("given", "kept"), AGENT_CONFIGS)
def test_the_agent_config_keeps_what_has_an_effect(given: Any, kept: dict[str, Any]) -> None:
    assert to_v5(shop_task(agent_config=given)).get("agent_config", {}) == kept


def test_a_system_prompt_beside_the_agent_config_is_kept() -> None:
    given = shop_task(system_prompt="Be brief.")
    assert to_v5(given)["agent_config"] == {"system_prompt": "Be brief."}


def test_dicts_and_calls_may_be_json_texts() -> None:
    fields = ("mcp_config", "setup_tool", "evaluate_tool")
    given = shop_task()
    texts = {name: json.dumps(given[name]) for name in fields}
    assert to_v5(shop_task(**texts, metadata="{}")) == to_v5(given)


def test_the_v5_task_holds_everything_that_was_given() -> None:
    given = shop_task(
        id="Buy a laptop!",
        integration_test_tool={"add": {"item": "laptop"}},
        metadata={"level": 1},
        columns={"level": 1},
    )
    task = to_task(given)
    assert (task.id, task.slug, task.env_name) == ("Buy a laptop!", "buy-a-laptop", "v4-legacy")
    assert [(call.name, call.arguments) for call in task.validation or []] == [
        ("add", {"item": "laptop"})
    ]
    assert (task.metadata, task.columns) == ({"level": 1}, {"level": 1})


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"id": "GA4GH"}, "ga4gh"),
        ({"id": "x", "slug": "mine"}, "mine"),
        ({"id": "!"}, None),
        ({}, None),
        ({"id": 7}, "7"),
    ],
)
def test_a_slug_is_kept_or_made_of_the_id(fields: dict[str, Any], slug: str | None) -> None:
    assert to_task(shop_task(**fields)).slug == slug


def test_variables_stay_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "secret")
    written = json.dumps(to_task(shop_task()).to_json())
    assert "${SHOP_KEY:none}" in written
    assert "secret" not in written


def test_equal_data_makes_equal_tasks_and_json_brings_them_back() -> None:
    first, second = to_task(shop_task()), to_task(shop_task())
    assert first.key == second.key
    assert Task(**first.to_json()).to_json() == first.to_json()


def test_a_legacy_task_warns_where_it_is_made_and_converts() -> None:
    with pytest.warns(DeprecationWarning, match="hud convert") as caught:
        legacy = LegacyTask(**shop_task(setup_tool=[{"navigate": {"url": "u"}}]))
    assert caught[0].filename == __file__
    assert [call.name for call in legacy.setup_tool or [] if not isinstance(call, tuple)] == [
        "navigate"
    ]
    assert to_v5(legacy)["args"]["setup_tool"] == [{"name": "navigate", "arguments": {"url": "u"}}]


def test_a_legacy_task_without_evaluate_tool_can_be_made_but_not_converted() -> None:
    with pytest.warns(DeprecationWarning, match="LegacyTask"):
        legacy = LegacyTask(prompt="Win.", mcp_config=shop_config())
    with pytest.raises(UserError, match="has no `evaluate_tool`"):
        to_task(legacy)


def test_a_malformed_legacy_task_is_pydantics_error() -> None:
    with (
        pytest.warns(DeprecationWarning, match="LegacyTask"),
        pytest.raises(ValidationError, match="names no server"),
    ):
        LegacyTask(prompt="Win.", mcp_config={})


def test_data_that_is_read_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_task(shop_task())

"""The Python that a migration starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from hud.convert.scaffold import scaffold
from hud.convert.v4 import to_v5
from hud.environment import Environment
from hud.environment.session import Session
from hud.errors import UserError
from hud.task import Task
from tests.hud.environment.legacy.tasks import shop_config, shop_task

URL = "https://shop.example"


def made(*given: dict[str, Any]) -> dict[str, Any]:
    """The names of the module that is written for v4 tasks."""
    module: dict[str, Any] = {}
    exec(compile(scaffold([to_v5(task) for task in given], "shop"), "made.py", "exec"), module)
    return module


def args(module: dict[str, Any]) -> list[dict[str, Any] | None]:
    return [task.args for task in module["tasks"]]


async def play(task: Task, item: str) -> float:
    env: Environment = task.env
    with anyio.fail_after(20):
        async with env:
            session = Session(env)
            await session.get_prompt(task.scenario or "", task.args or {})
            assert "check_cart" not in {tool.name for tool in await session.list_tools()}
            await session.call_tool("add", {"item": item})
            return (await session.grade(task.scenario or "")).reward


@pytest.mark.anyio
async def test_the_module_does_what_the_v4_tasks_did() -> None:
    evaluate: list[dict[str, Any]] = [{"check_cart": {}}, {"count_cart": {}}]
    module = made(shop_task(slug="buy", evaluate_tool=evaluate))
    (task,) = module["tasks"]
    assert (task.slug, task.env.name) == ("buy", "shop")
    assert await play(task, "laptop") == 1.0
    assert await play(task, "mouse") == 0.5


def test_what_calls_do_not_share_becomes_an_argument() -> None:
    calls = [{"navigate": {"url": f"{URL}/{page}"}} for page in "ab"]
    module = made(*(shop_task(setup_tool=call) for call in calls))
    prompt = "Add a laptop to the cart."
    assert args(module) == [{"prompt": prompt, "url": f"{URL}/{page}"} for page in "ab"]


def test_arguments_of_different_shape_are_handed_over_whole() -> None:
    module = made(
        shop_task(setup_tool={"navigate": {"url": URL}}),
        shop_task(setup_tool={"navigate": {"path": "a", "a-b": None}}),
    )
    assert [made_args["arguments"] for made_args in args(module) if made_args] == [
        {"url": URL},
        {"path": "a", "a-b": None},
    ]


def test_names_that_are_taken_get_the_tool_in_front() -> None:
    def calls(value: str) -> list[dict[str, Any]]:
        return [{"a": {"prompt": value}}, {"b": {"prompt": value, "env": value}}]

    module = made(shop_task(setup_tool=calls("x")), shop_task(setup_tool=calls("y")))
    assert set(args(module)[0] or {}) == {"prompt", "a_prompt", "b_prompt", "b_env"}


def test_other_tools_are_another_scenario_and_other_servers_another_environment() -> None:
    module = made(
        shop_task(),
        shop_task(setup_tool=[]),
        shop_task(mcp_config=shop_config("other")),
        shop_task(evaluate_tool={"tasks": {}}, setup_tool=None),
    )
    tasks: list[Task] = module["tasks"]
    assert [task.env_name for task in tasks] == ["shop", "shop", "shop", "shop-2"]
    assert len({task.scenario for task in tasks[:3]}) == 3


@pytest.mark.parametrize("value", [True, 1, 0.5, "x", None, [1], {"a": 1}])
def test_values_of_any_type_come_back_as_they_were(value: Any) -> None:
    module = made(*(shop_task(setup_tool={"a": {"b": item}}) for item in (value, "other")))
    first = args(module)[0] or {}
    assert first["b"] == value
    assert type(first["b"]) is type(value)


def test_a_v5_task_is_refused_by_its_position() -> None:
    with pytest.raises(UserError, match="item 1 is a v5 task"):
        scaffold([to_v5(shop_task()), {"scenario": "count", "args": {}}], "shop")


def test_the_module_can_be_imported_from_a_file(tmp_path: Path) -> None:
    text = scaffold([to_v5(shop_task(prompt="Say \"hi\"\nand 'bye' \\ {x}"))], "shop")
    (tmp_path / "made.py").write_text(text, encoding="utf-8")
    module: dict[str, Any] = {}
    exec((tmp_path / "made.py").read_text(encoding="utf-8"), module)
    assert args(module)[0] == {"prompt": "Say \"hi\"\nand 'bye' \\ {x}"}

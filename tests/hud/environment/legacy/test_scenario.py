"""v4 tasks as they run: with a real MCP server in a process of its own for every rollout."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

import hud
from hud.environment import Environment
from hud.environment.legacy import environment_named, to_task
from hud.environment.session import Session, parse_grade
from hud.errors import ConnectionFailure, GradingFailure, SetupFailure
from hud.types import EvaluationResult, MCPToolResult
from tests.hud.environment.legacy.tasks import shop_config, shop_task

pytestmark = pytest.mark.anyio

URL = "https://shop.example"
LIMIT = 20.0


@asynccontextmanager
async def playing(data: dict[str, Any]) -> AsyncIterator[tuple[Environment, str]]:
    """The environment of a v4 task that was set up, and its prompt."""
    task = to_task(data)
    env: Environment = task.env
    with anyio.fail_after(LIMIT):
        async with env:
            yield env, await env.run_scenario_setup("legacy", task.args or {})


async def grade(env: Environment) -> EvaluationResult:
    await env.submit("legacy", "done")
    return await env.run_scenario_evaluate("legacy")


async def visited(env: Environment) -> MCPToolResult:
    result: MCPToolResult = await env.call_tool("visited")
    return result


@pytest.mark.parametrize("options", [[], ["official"]])
async def test_a_v4_task_is_set_up_played_and_graded(options: list[str]) -> None:
    task = shop_task(mcp_config=shop_config("key", *options))
    async with playing(task) as (env, prompt):
        assert prompt == "Add a laptop to the cart."
        assert (await visited(env))["pages"] == [URL]
        await env.call_tool("add", item="laptop")
        assert (await grade(env)).reward == 1.0


async def test_the_wire_protocol_of_v5_plays_it_too() -> None:
    task = to_task(shop_task())
    with anyio.fail_after(LIMIT):
        async with task.env as env:
            prompt = await env.get_prompt("v4-legacy:legacy", task.args)
            assert prompt.messages[0].content.text == "Add a laptop to the cart."
            result = parse_grade(await env.read_resource("v4-legacy:legacy"), "legacy")
    assert result.reward == 0.0
    assert result.info["evaluations"][0]["tool"] == "check_cart"


async def test_setup_calls_run_in_their_order() -> None:
    hub_call = {"setup": {"name": "board", "arguments": {"size": 4}}}
    calls = [{"navigate": {"url": f"{URL}/{page}"}} for page in "ab"]
    async with playing(shop_task(setup_tool=[*calls, hub_call])) as (env, _):
        assert (await visited(env))["pages"] == [f"{URL}/a", f"{URL}/b", "board {'size': 4}"]


async def test_the_agent_is_offered_everything_but_what_sets_up_and_grades() -> None:
    async with playing(shop_task()) as (env, _):
        offered = {tool.name for tool in await env.list_tools()}
        assert offered == {"setup", "add", "visited", "count_cart", "praise"}
        refused = await env.session.call_tool("check_cart", {})
        assert refused.is_error
        assert (await env.session.call_tool("navigate", {"url": URL})).is_error


async def test_tools_are_gone_once_the_rollout_is_over() -> None:
    async with playing(shop_task()) as (env, _):
        await grade(env)
        assert await env.list_tools() == []


async def test_rewards_of_several_evaluate_tools_are_averaged() -> None:
    evaluate = [{"check_cart": {}}, {"check_cart": {"item": "mouse"}}, {"count_cart": {}}]
    async with playing(shop_task(evaluate_tool=evaluate)) as (env, _):
        await env.call_tool("add", item="laptop")
        result = await grade(env)
        assert result.reward == pytest.approx(2 / 3)
        assert [item["reward"] for item in result.info["evaluations"]] == [1.0, 0.0, 1.0]


async def test_a_bare_number_is_a_reward() -> None:
    async with playing(shop_task(evaluate_tool={"name": "count_cart"})) as (env, _):
        await env.call_tool("add", item="mouse")
        assert (await grade(env)).reward == 1.0


async def test_the_setup_output_is_appended_where_the_task_asks_for_it() -> None:
    config = {"append_setup_output": True}
    async with playing(shop_task(agent_config=config)) as (_, prompt):
        assert prompt == f"Add a laptop to the cart.\nopened {URL}"
    async with hud.eval(to_task(shop_task(agent_config=config))) as ctx:
        assert ctx.setup_output == f"opened {URL}"


BROKEN_SETUPS = [
    ({"setup_tool": {"navigate": {"url": "ftp://x"}}}, "setup tool `navigate` failed: .*ftp://x"),
    ({"setup_tool": {"navigate": {}}}, "setup tool `navigate` failed"),
    ({"setup_tool": {"navigat": {}}}, "`navigat` failed: there is no tool .*`navigate`"),
    ({"mcp_config": {"shop": {"url": "${SHOP_URL}"}}}, "`shop` has neither `url` nor `command`"),
]


@pytest.mark.parametrize(("changes", "reason"), BROKEN_SETUPS)
async def test_a_setup_that_fails_ends_the_rollout(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SetupFailure, match=reason):
        async with playing(shop_task(**changes)):
            pytest.fail("the scenario was set up")


async def test_a_server_that_cannot_be_started_is_told_as_that() -> None:
    task = shop_task(mcp_config={"shop": {"command": "no-such-command-here"}})
    with pytest.raises(ConnectionFailure, match="cannot connect to `shop`"):
        async with playing(task):
            pytest.fail("the scenario was set up")


async def test_calls_after_one_that_failed_are_not_made() -> None:
    broken = shop_task(setup_tool=[{"navigate": {"url": "ftp://x"}}, {"no_such_tool": {}}])
    with pytest.raises(SetupFailure, match="ftp://x") as failure:
        async with playing(broken):
            pytest.fail("the scenario was set up")
    assert "no_such_tool" not in failure.value.message


@pytest.mark.parametrize(
    ("evaluate", "reason"),
    [
        ({"praise": {}}, "`praise` returned no reward: 'well done'"),
        ({"check_cart": {"size": 1}}, "`check_cart` failed: .*'size'"),
        ({"chek": {}}, "`chek` failed: there is no tool `chek`"),
        ([{"check_cart": {}}, {"praise": {}}], "`praise` returned no reward"),
    ],
)
async def test_an_evaluation_without_reward_is_no_zero(evaluate: Any, reason: str) -> None:
    async with playing(shop_task(evaluate_tool=evaluate)) as (env, _):
        with pytest.raises(GradingFailure, match=reason):
            await grade(env)


async def test_variables_are_filled_in_when_the_rollout_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = shop_task(mcp_config=shop_config("key ${SHOP_KEY}"))
    monkeypatch.setenv("SHOP_KEY", "one")
    async with playing(task) as (env, _):
        assert (await visited(env))["key"] == "key one"
    monkeypatch.setenv("SHOP_KEY", "two")
    async with playing(task) as (env, _):
        assert (await visited(env))["key"] == "key two"


async def play(env: Environment, args: dict[str, Any], item: str) -> list[float]:
    session = Session(env)
    await session.get_prompt("legacy", args)
    await session.call_tool("add", {"item": item})
    session.submit("done")
    result = await session.grade("legacy")
    return [evaluation["reward"] for evaluation in result.info["evaluations"]]


@pytest.mark.parametrize("environments", [1, 2])
async def test_rollouts_at_the_same_time_never_share_a_server(environments: int) -> None:
    task = to_task(shop_task(evaluate_tool=[{"check_cart": {}}, {"count_cart": {}}]))
    fresh = environment_named("v4-legacy")
    assert fresh is not None
    envs = [task.env, task.env if environments == 1 else fresh]
    rewards: dict[str, list[float]] = {}

    async def rollout(env: Environment, item: str) -> None:
        rewards[item] = await play(env, task.args or {}, item)

    with anyio.fail_after(LIMIT):
        async with envs[0], envs[1], anyio.create_task_group() as group:
            group.start_soon(rollout, envs[0], "laptop")
            group.start_soon(rollout, envs[1], "mouse")
    assert rewards == {"laptop": [1.0, 1.0], "mouse": [0.0, 1.0]}


def test_an_environment_plays_in_one_event_loop_after_another() -> None:
    task = to_task(shop_task())

    async def twice() -> None:
        with anyio.fail_after(LIMIT):
            async with task.env, anyio.create_task_group() as group:
                for item in ("laptop", "laptop"):
                    group.start_soon(play, task.env, task.args or {}, item)

    anyio.run(twice)
    anyio.run(twice)


def test_no_other_environment_is_built_in() -> None:
    assert environment_named("shop") is None

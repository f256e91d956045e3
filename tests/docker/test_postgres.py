"""An environment with a database of its own: PostgreSQL, out of Debian's package, in its image."""

from __future__ import annotations

import shutil

import anyio
import pytest

import hud.eval
from hud import Environment
from hud.eval.context import EvalContext
from tests.command import Command
from tests.docker.images import ENVIRONMENTS, environment_image

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def shop() -> str:
    return anyio.run(environment_image, "shop")


@pytest.mark.parametrize(("source", "group"), [("tasks.json", 4), ("tasks.py", 1)])
def test_rollouts_at_once_are_graded_by_sql_though_only_the_image_has_the_packages(
    source: str, group: int, shop: str, hud_cli: Command
) -> None:
    folder = hud_cli.cwd / "hud-test-shop"
    shutil.copytree(ENVIRONMENTS / "shop", folder)
    isolated = ("--isolation", "container", "--group", str(group))
    ended = hud_cli.within(folder)("eval", source, "oracle", *isolated, timeout=180)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"Pass: {group}/{group} (100%)" in ended.stdout


@pytest.mark.anyio
async def test_the_databases_of_parallel_rollouts_have_nothing_in_common(shop: str) -> None:
    env = Environment("my-env").connect_image(shop)
    seen: list[str] = []

    async def loop(ctx: EvalContext) -> str:
        number = str((await ctx.call_tool("order", product=ctx.variants["product"])).text)
        seen.append(number)
        return number

    contexts = await hud.eval.evaluate(
        env("checkout", product="laptop"), loop, variants={"product": ["laptop", "phone"]}
    )
    assert [ctx.reward for ctx in contexts] == [1.0, 0.0]
    assert seen == ["1", "1"]

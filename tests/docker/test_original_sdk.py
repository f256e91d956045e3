"""An image that was built with the original SDK is debugged, connected to and evaluated."""

from __future__ import annotations

import shutil

import anyio
import pytest

import hud.eval
from hud import Environment
from hud.eval.context import EvalContext
from hud.types import MCPToolCall
from tests.command import Command
from tests.docker.images import ENVIRONMENTS, environment_image

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def original() -> str:
    return anyio.run(environment_image, "original")


@pytest.mark.anyio
async def test_it_is_connected_to_and_played(original: str) -> None:
    env = Environment("my-env").connect_image(original)
    task = env("count", word="strawberry", letter="r")
    task.validation = [
        MCPToolCall(name="count_letter", arguments={"text": "strawberry", "letter": "r"}),
        MCPToolCall(name="submit", arguments={"answer": "3"}),
    ]
    trace = await task.run("oracle")
    assert (trace.reward, trace.error) == (1.0, None)


@pytest.mark.anyio
async def test_an_answer_that_looks_like_json_arrives_as_it_was_given(original: str) -> None:
    env = Environment("my-env").connect_image(original)

    async def loop(ctx: EvalContext) -> str:
        return '{"total": 3}'

    (ctx,) = await hud.eval.evaluate(env("echo", expected='{"total": 3}'), loop)
    assert (ctx.reward, ctx.error) == (1.0, None)


def test_it_is_evaluated_by_the_command(original: str, hud_cli: Command) -> None:
    folder = hud_cli.cwd / "hud-test-original"
    shutil.copytree(ENVIRONMENTS / "original", folder)
    ended = hud_cli.within(folder)(
        *("eval", "tasks.json", "oracle", "--full", "--isolation", "container"), timeout=180
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Pass: 2/2 (100%)" in ended.stdout


def test_it_is_debugged(original: str, hud_cli: Command) -> None:
    ended = hud_cli("debug", original, timeout=180)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("✓ Phase") == 7

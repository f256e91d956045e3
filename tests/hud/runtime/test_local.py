"""Environments of this process: opened once, shared by their rollouts."""

from __future__ import annotations

import asyncio

import pytest

from hud import Environment, Task
from hud.errors import InitializeFailure, UserError
from hud.runtime.local import LocalRuntime, environment_of
from tests.hud.eval.conftest import Scenario

pytestmark = pytest.mark.anyio


def counted(steps: list[str], fails: int = 0) -> Task:
    """A task whose environment notes its life, and whose first starts fail."""
    env = Environment("counted")

    @env.initialize
    async def prepare() -> None:
        steps.append("starting")
        await asyncio.sleep(0)
        if steps.count("starting") <= fails:
            raise OSError("not yet")
        steps.append("ready")

    @env.shutdown
    async def finish() -> None:
        steps.append("over")

    @env.scenario("say")
    async def say() -> Scenario:
        steps.append("setup")
        yield "Say something."
        yield 1.0

    return env("say")


async def play(runtime: LocalRuntime, task: Task) -> None:
    async with runtime.start(task) as instance:
        await instance.connection.get_prompt("say", {})


async def test_an_environment_opens_once_and_before_any_rollout_uses_it() -> None:
    steps: list[str] = []
    runtime, task = LocalRuntime(), counted(steps)
    await asyncio.gather(*(play(runtime, task) for _ in range(3)))
    assert steps == ["starting", "ready", "setup", "setup", "setup"]
    await runtime.aclose()
    assert steps[-1] == "over"


async def test_an_environment_that_failed_to_open_is_tried_again() -> None:
    steps: list[str] = []
    runtime, task = LocalRuntime(), counted(steps, fails=1)
    with pytest.raises(InitializeFailure, match="not yet"):
        await play(runtime, task)
    await play(runtime, task)
    await runtime.aclose()
    assert steps.count("ready") == 1


async def test_rollouts_share_the_state_of_their_module() -> None:
    env, seen = Environment("shared"), []

    @env.scenario("say")
    async def say() -> Scenario:
        seen.append(True)
        yield f"You are number {len(seen)}."
        yield 1.0

    runtime = LocalRuntime()
    await play(runtime, env("say"))
    await play(runtime, env("say"))
    await runtime.aclose()
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("task", "complaint", "hint"),
    [
        (Task(scenario="x", args={}, slug="t"), "task `t` names no environment", '"env"'),
        (
            Task(env="else", scenario="x", args={}, slug="t"),
            "task `t` needs the environment `else`, which is not here",
            "Environment('else')",
        ),
        (Task(scenario="else:x", args={}, slug="t"), "needs the environment `else`", "env.py"),
    ],
)
def test_a_task_without_a_live_environment_is_refused(
    task: Task, complaint: str, hint: str
) -> None:
    with pytest.raises(UserError) as refusal:
        environment_of(task)
    assert complaint in refusal.value.message
    assert hint in (refusal.value.hint or "")

"""Rollouts that must not share a connection each have their own, under one environment's name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

import hud.eval
from hud import Environment
from hud.environment.connections import Source
from hud.environment.mcp_client import open_environment
from hud.environment.replica import replica_of
from hud.eval.context import EvalContext
from hud.runtime.local import LocalRuntime

pytestmark = pytest.mark.anyio


def remembering() -> Environment:
    """An environment with a memory, as each container has one."""
    other = Environment("memory")
    seen: list[str] = []

    @other.tool()
    def see(what: str) -> str:
        seen.append(what)
        return " ".join(seen)

    return other


def connected() -> Environment:
    """An environment that is connected to a memory, which rollouts must not share."""
    env = Environment("mine")
    env.sources.append(Source("memory", lambda: open_environment(remembering()), is_private=True))

    @env.scenario("recall")
    async def recall(word: str) -> AsyncGenerator[Any, Any]:
        await env.call_tool("see", what=word)
        answer = yield "What was seen?"
        yield 1.0 if answer == f"{word} look" else 0.0

    return env


async def look(ctx: EvalContext) -> str:
    await asyncio.sleep(0)
    return str((await ctx.call_tool("see", what="look")).text)


async def test_rollouts_have_connections_of_their_own_in_the_authors_code_too() -> None:
    env = connected()
    tasks = [env("recall", word=word) for word in ("one", "two", "three")]
    contexts = await hud.eval.evaluate(tasks, look, group=2)
    assert [(ctx.reward, ctx.error) for ctx in contexts] == [(1.0, None)] * 6
    assert not env.is_connected


async def test_hooks_run_for_each_rollout_with_its_connections() -> None:
    env = connected()
    started: list[str] = []
    ended: list[str] = []

    @env.initialize
    async def fill() -> None:
        started.append((await env.call_tool("see", what="first")).text)

    @env.shutdown
    async def note() -> None:
        ended.append((await env.call_tool("see", what="last")).text)

    runtime = LocalRuntime()
    task = env("recall", word="x")
    async with runtime.start(task) as one, runtime.start(task) as two:
        for instance in (one, two):
            seen = await instance.connection.call_tool("see", {"what": "then"})
            assert seen.text == "first then"
    await runtime.aclose()
    assert (started, ended) == (["first"] * 2, ["first then last"] * 2)


async def test_an_environment_without_such_connections_is_opened_once() -> None:
    env = Environment("plain")
    started: list[int] = []
    env.initialize(lambda: started.append(1))
    env.scenario("ask")(ask)
    runtime = LocalRuntime()
    async with runtime.start(env("ask")), runtime.start(env("ask")):
        assert started == [1]
    await runtime.aclose()


async def ask() -> AsyncGenerator[Any, Any]:
    yield "?"
    yield 1.0


async def test_outside_a_rollout_the_name_stands_for_the_environment_itself() -> None:
    env = connected()
    async with replica_of(env) as replica:
        inside = (env.is_connected, env.session is replica.session)
    assert (inside, env.is_connected) == ((True, True), False)
    async with env:
        assert (await env.call_tool("see", what="alone")).text == "alone"

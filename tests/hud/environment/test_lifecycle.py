"""Initialize and shutdown hooks: once, for every user, on every kind of exit."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Callable
from typing import Any

import anyio
import pytest

from hud import Environment
from hud.errors import InitializeFailure, UserError

pytestmark = pytest.mark.anyio


def logged() -> tuple[Environment, list[str]]:
    """An environment whose hooks write down that they ran."""
    env = Environment("test")
    log: list[str] = []

    @env.initialize
    async def start() -> None:
        await anyio.lowlevel.checkpoint()
        log.append("start")

    @env.shutdown
    async def stop() -> None:
        await anyio.lowlevel.checkpoint()
        log.append("stop")

    return env, log


async def test_hooks_run_around_the_use_of_the_environment() -> None:
    env, log = logged()
    states = [env.is_connected]
    async with env as entered:
        assert entered is env
        states.append(env.is_connected)
        assert log == ["start"]
    assert log == ["start", "stop"]
    assert [*states, env.is_connected] == [False, True, False]


def bare(env: Environment, function: Callable[..., Any]) -> Any:
    return env.initialize(function)


def called(env: Environment, function: Callable[..., Any]) -> Any:
    return env.initialize()(function)


def no_context(log: list[Any]) -> Callable[..., Any]:
    def start() -> None:
        log.append(None)

    return start


def any_context(log: list[Any]) -> Callable[..., Any]:
    async def start(init_ctx: Any) -> None:
        log.append(init_ctx)

    return start


def optional_context(log: list[Any]) -> Callable[..., Any]:
    def start(ctx: Any = None) -> None:
        log.append(ctx)

    return start


@pytest.mark.parametrize("form", [bare, called])
@pytest.mark.parametrize("make", [no_context, any_context, optional_context])
async def test_an_initialize_hook_may_take_a_context_and_be_sync_or_async(
    form: Any, make: Any
) -> None:
    env = Environment("test")
    log: list[Any] = []
    form(env, make(log))
    async with env:
        assert len(log) == 1


async def test_a_hook_that_was_called_by_hand_is_not_called_again() -> None:
    env = Environment("test")
    log: list[str] = []

    @env.initialize
    async def start() -> str:
        log.append("start")
        return "ready"

    assert start.__name__ == "start"
    assert await start() == "ready"
    async with env:
        await start()
    assert log == ["start"]


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_hook_that_failed_by_hand_is_tried_again(is_async: bool) -> None:
    env = Environment("test")
    attempts: list[int] = []

    def start() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("not up yet")

    async def start_later() -> None:
        start()

    hook = env.initialize(start_later if is_async else start)
    with pytest.raises(ConnectionError):
        await hook() if is_async else hook()
    async with env:
        assert len(attempts) == 2


async def test_a_hook_runs_again_after_a_shutdown() -> None:
    env, log = logged()
    for _ in range(2):
        async with env:
            pass
    assert log == ["start", "stop"] * 2


def test_an_environment_may_be_used_in_one_event_loop_after_another() -> None:
    env, log = logged()

    async def use() -> None:
        async with env:
            assert env.is_connected

    asyncio.run(use())
    asyncio.run(use())
    assert log == ["start", "stop"] * 2


async def test_several_users_share_one_start_and_one_stop() -> None:
    env, log = logged()
    together = anyio.Event()
    inside = 0

    async def use() -> None:
        nonlocal inside
        async with env:
            inside += 1
            if inside == 4:
                together.set()
            await together.wait()
            assert log == ["start"]

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(use)
    assert log == ["start", "stop"]


async def test_shutdown_runs_when_the_body_raises() -> None:
    env, log = logged()
    with pytest.raises(ValueError, match="body"):
        async with env:
            raise ValueError("body")
    assert log == ["start", "stop"]


async def test_shutdown_runs_when_a_scope_is_cancelled() -> None:
    env, log = logged()
    with anyio.move_on_after(0.01):
        async with env:
            await anyio.sleep_forever()
    assert log == ["start", "stop"]


async def test_shutdown_runs_when_the_task_is_cancelled() -> None:
    env, log = logged()
    entered = anyio.Event()

    async def use() -> None:
        async with env:
            entered.set()
            await anyio.sleep_forever()

    task = asyncio.create_task(use())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["start", "stop"]


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)], ids=repr)
async def test_every_shutdown_hook_runs_whatever_another_one_raises(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    env = Environment("test")
    log: list[Any] = []

    @env.shutdown
    def first() -> None:
        log.append("first")
        raise error

    env.shutdown()(functools.partial(log.append, "second"))
    async with env:
        pass
    assert log == ["first", "second"]
    assert "shutdown hook `first` raised" in caplog.text


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_initialize_hook_that_fails_names_itself_and_shuts_down(kind: str) -> None:
    env = Environment("test")
    log: list[Any] = []

    def fail() -> None:
        raise ValueError("no database")

    async def fail_later() -> None:
        fail()

    env.initialize(fail if kind == "sync" else fail_later)
    env.shutdown(lambda: log.append("stop"))
    for _ in range(2):
        with pytest.raises(
            InitializeFailure, match=r"initialize hook `fail.* failed: ValueError: no database"
        ):
            async with env:
                pytest.fail("the environment must not be entered")
        assert env.is_connected is False
    assert log == ["stop", "stop"]


async def test_an_initialize_hook_may_raise_an_error_with_a_hint() -> None:
    env = Environment("test")

    @env.initialize
    def start() -> None:
        raise UserError("no key", hint="export KEY=…")

    with pytest.raises(UserError, match="no key"):
        async with env:
            pass


async def test_an_initialization_that_is_cancelled_is_shut_down() -> None:
    env = Environment("test")
    log: list[Any] = []

    @env.initialize
    async def start() -> None:
        await anyio.sleep_forever()

    @env.shutdown
    async def stop() -> None:
        await anyio.lowlevel.checkpoint()
        log.append("stop")

    with anyio.move_on_after(0.01):
        async with env:
            pytest.fail("the environment must not be entered")
    assert log == ["stop"]
    assert env.is_connected is False


async def test_hooks_run_before_the_first_tool_and_scenario() -> None:
    env = Environment("test")
    state: dict[str, str] = {}
    env.initialize(lambda: state.update(shell="ready"))
    env.tool("shell")(lambda: state["shell"])

    @env.scenario
    async def use() -> AsyncGenerator[Any, Any]:
        yield state["shell"]
        yield 1.0

    async with env:
        assert (await env.call_tool("shell")).value == "ready"
        assert await env.run_scenario_setup("use", {}) == "ready"


async def test_a_connected_environment_is_started_and_stopped_with_its_user() -> None:
    inner, log = logged()
    outer = Environment("outer").connect_server(inner)
    async with outer:
        assert inner.is_connected
    assert log == ["start", "stop"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("my_env_deploy", "my-env-deploy"),
        ("  My Env  ", "my-env"),
        ("a--b__c", "a-b-c"),
        ("Ünïcode!", "ncode"),
        ("-x-", "x"),
        ("!!!", "environment"),
        ("", "environment"),
    ],
)
def test_a_name_is_normalised(given: str, name: str) -> None:
    assert Environment(given).name == name


def test_options_of_other_servers_are_accepted() -> None:
    env = Environment("test", instructions="Be kind.", version="1", debug=True)
    assert (env.instructions, env.options) == ("Be kind.", {"version": "1", "debug": True})
    assert repr(env) == "Environment('test', 0 tools, 0 scenarios)"

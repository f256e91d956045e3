"""Rollouts in containers: each has its own, and what happens to it ends it with its cause."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from hud import Task
from hud.containers import BuildFailure
from hud.errors import EnvironmentFailure, StartFailure, UserError
from hud.eval.config import EvalConfig
from hud.eval.job import Finished, Job, Started
from hud.runtime.contained import ContainedInstance, ContainerRuntime
from hud.runtime.project import read_project
from hud.wire import RolloutRecord
from tests.command import Command
from tests.docker.images import ENVIRONMENTS

pytestmark = [pytest.mark.docker, pytest.mark.anyio, pytest.mark.slow]

Left = Callable[[], Awaitable[list[str]]]
TROUBLE = ENVIRONMENTS / "trouble"
SUM = Task(env="trouble", scenario="sum", args={"a": 1, "b": 2})


@asynccontextmanager
async def runtime_of(folder: Path, tag: str) -> AsyncIterator[ContainerRuntime]:
    runtime = ContainerRuntime(read_project(folder, tag))
    try:
        with anyio.fail_after(120):
            await runtime.open()
            yield runtime
    finally:
        await runtime.aclose()


async def end_by_tool(instance: ContainedInstance, tool: str) -> None:
    arguments = {"code": 137} if tool == "leave" else {}
    await instance.connection.call_tool(tool, arguments)


async def end_from_outside(instance: ContainedInstance, verb: str) -> None:
    ending = asyncio.ensure_future(getattr(instance.running.container, verb)())
    try:
        while True:
            await instance.connection.call_tool("see", {"what": "still here"})
    finally:
        await ending


@pytest.mark.parametrize(
    ("end", "how", "cause"),
    [
        (end_by_tool, "leave", "SIGKILL (exit code 137, not for its memory limit)"),
        (end_by_tool, "eat_memory", "the container ran out of memory: it used more than"),
        (end_by_tool, "feed_a_child", "the container ran out of memory: it used more than"),
        (end_by_tool, "fill_disk", "a disk of the container is full: `/tmp` has 8 MiB"),
        (end_by_tool, "fill_disk_for_a_moment", "a disk of the container was full"),
        (end_from_outside, "kill", "SIGKILL (exit code 137, not for its memory limit)"),
        (end_from_outside, "pause", "the container is paused"),
    ],
)
async def test_what_happens_to_a_container_ends_its_rollout_with_the_cause(
    trouble: str,
    left: Left,
    end: Callable[[ContainedInstance, str], Awaitable[None]],
    how: str,
    cause: str,
) -> None:
    async with runtime_of(TROUBLE, trouble) as runtime, runtime.start(SUM) as instance:
        await instance.connection.get_prompt("sum", {"a": 1, "b": 2})
        with pytest.raises(EnvironmentFailure) as failed:
            await end(instance, how)
        with pytest.raises(EnvironmentFailure) as again:
            await instance.connection.read_resource("trouble:sum")
    assert cause in failed.value.message
    assert cause in again.value.message
    assert await left() == []


async def test_words_about_a_full_disk_are_no_full_disk(trouble: str) -> None:
    words = "No space left on device"
    async with runtime_of(TROUBLE, trouble) as runtime, runtime.start(SUM) as instance:
        result = await instance.connection.call_tool("claim", {"text": words})
    assert result.text == words


async def test_a_container_that_died_while_it_waited_is_never_handed_out(trouble: str) -> None:
    async with runtime_of(TROUBLE, trouble) as runtime:
        await runtime.expect([SUM], 1)
        waiting = await runtime._pool.peek()
        await waiting.running.container.kill()
        await waiting.running.container.wait()
        async with runtime.start(SUM) as instance:
            assert instance is not waiting
            assert not (await instance.connection.call_tool("see", {"what": "x"})).is_error
            assert "goodbye" not in instance.log
    assert "goodbye" in instance.log


async def rollouts_of(job: Job) -> dict[str, RolloutRecord]:
    events = [event async for event in job.events()]
    assert isinstance(events[0], Started)
    return {event.record.task: event.record for event in events if isinstance(event, Finished)}


async def test_a_rollout_whose_container_fails_is_failed_and_its_siblings_score(
    trouble: str, tmp_path: Path, left: Left
) -> None:
    folder = tmp_path / "hud-test-trouble"
    shutil.copytree(TROUBLE, folder)
    config = EvalConfig(source=str(folder / "tasks.json"), full=True, isolation="container")
    records = await rollouts_of(Job(config, "oracle", results=tmp_path / "results"))
    assert {name: record.reward for name, record in records.items()} == {
        "works": 1.0,
        "leaves": None,
        "starves": None,
        "overflows": None,
    }
    assert {record.boundary for record in records.values()} == {None, "environment"}
    assert "out of memory" in (records["starves"].error or "")
    assert await left() == []


async def test_a_cancelled_evaluation_leaves_no_container(trouble: str, left: Left) -> None:
    with anyio.move_on_after(60) as scope:
        async with runtime_of(TROUBLE, trouble) as runtime:
            await runtime.expect([SUM], 4)
            async with runtime.start(SUM), runtime.start(SUM):
                scope.cancel()
                await anyio.sleep_forever()
    assert await left() == []


async def test_a_server_that_cannot_start_ends_the_evaluation_before_it_begins(
    folder: Path, left: Left
) -> None:
    (folder / "Dockerfile").write_text(
        'FROM python:3.11-slim\nCMD ["python", "-c", "import no_such_module"]\n'
    )
    with pytest.raises(StartFailure, match="ended with exit code 1") as failed:
        async with runtime_of(folder, "hud-test-broken-start"):
            pass
    assert "no_such_module" in (failed.value.detail or "")
    assert await left() == []


async def test_an_image_that_cannot_be_built_ends_the_evaluation_before_it_begins(
    folder: Path,
) -> None:
    (folder / "Dockerfile").write_text("FROM python:3.11-slim\nRUN no-such-command\n")
    with pytest.raises(BuildFailure, match="no-such-command") as failed:
        async with runtime_of(folder, "hud-test-broken-build"):
            pass
    assert failed.value.boundary == "build"


async def test_a_scenario_that_the_image_lacks_is_named_before_anything_runs(trouble: str) -> None:
    async with runtime_of(TROUBLE, trouble) as runtime:
        with pytest.raises(UserError, match="does not have") as refused:
            await runtime.expect([Task(env="trouble", scenario="sums", args={})], 1)
    assert refused.value.hint == "did you mean `sum`?"


async def test_declared_variables_enter_and_missing_ones_are_named(
    trouble: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(TROUBLE, folder, dirs_exist_ok=True)
    (folder / "pyproject.toml").write_text('[tool.hud]\nvariables = ["SHOP_KEY"]\n')
    with pytest.raises(UserError, match="`SHOP_KEY`, which"):
        async with runtime_of(folder, "hud-test-declared"):
            pass
    monkeypatch.setenv("SHOP_KEY", "open sesame")
    monkeypatch.setenv("OTHER_KEY", "of the host")
    async with runtime_of(folder, "hud-test-declared") as runtime, runtime.start(SUM) as instance:
        inside = (await instance.connection.call_tool("variables", {})).structured_content or {}
    assert inside["SHOP_KEY"] == "open sesame"
    assert "OTHER_KEY" not in inside


def test_the_command_evaluates_in_containers_and_tells_failures_apart(
    trouble: str, hud_cli: Command
) -> None:
    folder = hud_cli.cwd / "hud-test-trouble"
    shutil.copytree(TROUBLE, folder)
    ended = hud_cli.within(folder)(
        *("eval", "tasks.json", "oracle", "--task-ids", "works,leaves"),
        *("--isolation", "container"),
        timeout=120,
    )
    assert ended.returncode == 1
    assert "works" in ended.stdout
    assert "exit code 137, not for its memory limit" in ended.stdout + ended.stderr


def test_the_command_says_in_which_phase_an_image_fails_and_what_to_do(
    folder: Path, hud_cli: Command
) -> None:
    recipe = 'FROM python:3.11-slim\nCMD ["python", "-c", "import no_such_module"]\n'
    (folder / "Dockerfile").write_text(recipe)
    shutil.copy(TROUBLE / "tasks.json", folder)
    ended = hud_cli.within(folder)(
        *("eval", "tasks.json", "oracle", "--isolation", "container"), timeout=120
    )
    assert ended.returncode == 1
    assert "error: MCP server does not respond to initialize (phase 2 of" in ended.stderr
    assert "hint: add to the Dockerfile: RUN pip install no_such_module" in ended.stderr

"""Rollouts in containers, against an engine in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from hud import Task
from hud.containers import FakeContainers
from hud.errors import DockerFailure, UserError
from hud.runtime.contained import ContainerRuntime
from hud.runtime.project import read_project
from tests.hud.runtime.served import IMAGE, serve

pytestmark = pytest.mark.anyio

COUNT = Task(env="anything", scenario="count", args={})


@asynccontextmanager
async def opened(
    folder: Path, image: str = IMAGE, ahead: int = 2
) -> AsyncIterator[ContainerRuntime]:
    (folder / "pyproject.toml").write_text(f'[tool.hud]\nimage = "{image}"\n')
    engine = FakeContainers({IMAGE: serve})
    runtime = ContainerRuntime(read_project(folder), run="job", ahead=ahead, engine=engine)
    with anyio.fail_after(10):
        try:
            await runtime.open()
            yield runtime
        finally:
            await runtime.aclose()
    assert engine.made == {}


async def test_each_rollout_has_a_container_and_no_more_are_started_than_are_wanted(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as runtime:
        await runtime.expect([COUNT], 3)
        async with runtime.start(COUNT) as one, runtime.start(COUNT) as two:
            assert one.running.container.id != two.running.container.id
            assert (await one.connection.call_tool("act", {})).text == "done"
            assert one.running.container.spec.run == "job"
        async with runtime.start(COUNT) as three:
            assert not three.log
        assert three.log.splitlines() == ["ready", "goodbye"]


async def test_scenarios_are_found_by_their_short_names(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        await runtime.expect([COUNT, Task(scenario="letters:count", args={})], 1)
        with pytest.raises(UserError, match=f"which image `{IMAGE}:latest` does not have") as no:
            await runtime.expect([Task(env="x", scenario="counts", args={})], 1)
    assert no.value.hint == "did you mean `count`?"


async def test_an_image_that_is_not_there_fails_when_the_runtime_is_opened(tmp_path: Path) -> None:
    with pytest.raises(DockerFailure, match="there is no image `absent:latest`"):
        async with opened(tmp_path, image="absent"):
            pass

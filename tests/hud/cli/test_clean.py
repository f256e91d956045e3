"""Everything of ours, or every image that we built, goes once that was agreed to."""

from __future__ import annotations

from pathlib import Path

import pytest

from hud.cli.clean import remove_images, remove_resources
from hud.containers import BuildRequest, ContainerSpec, FakeContainers
from hud.containers.fake import FakeProcess
from hud.errors import UserError

pytestmark = pytest.mark.anyio

Captured = pytest.CaptureFixture[str]


async def idle(process: FakeProcess) -> int:
    async for _ in process.stdin:
        pass
    return 0


async def test_everything_goes_and_is_counted(capsys: Captured) -> None:
    async with FakeContainers({"env": idle}) as engine:
        await engine.create(ContainerSpec(image="env"))
        await engine.create(ContainerSpec(image="env"))
        assert await remove_resources(engine, yes=True) == 0
        assert engine.made == {}
    assert "removed 2 containers" in capsys.readouterr().err


async def test_nothing_goes_where_nobody_can_be_asked() -> None:
    async with FakeContainers({"env": idle}) as engine:
        await engine.create(ContainerSpec(image="env"))
        with pytest.raises(UserError, match="nobody can be asked") as refused:
            await remove_resources(engine, yes=False)
        assert (len(engine.made), refused.value.hint) == (1, "--yes")


async def test_only_images_that_were_built_here_go(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    async with FakeContainers({"fetched": idle}) as engine:
        await engine.build(BuildRequest(tmp_path, tag="built"))
        assert await remove_images(engine, yes=True) == 0
        assert await engine.image("built") is None
        assert await engine.image("fetched") is not None
    assert capsys.readouterr().out == "built:latest\n"


async def test_an_empty_engine_is_clean() -> None:
    async with FakeContainers({}) as engine:
        assert await remove_resources(engine, yes=False) == 0
        assert await remove_images(engine, yes=False) == 0

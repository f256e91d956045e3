"""The watch over containers."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

import anyio
import pytest

from hud.containers import Container, ContainerSpec, EngineUnavailable, Event, FakeContainers
from hud.errors import EnvironmentFailure
from hud.runtime.ward import Life, Ward
from tests.hud.runtime.served import IMAGE, serve

pytestmark = pytest.mark.anyio


class Leaving(FakeContainers):
    """An engine that goes away while its events are followed."""

    async def events(self) -> AsyncGenerator[Event, None]:
        happened: list[Event] = []
        for event in happened:
            yield event
        raise EngineUnavailable("the engine went away")


@pytest.mark.parametrize("action", ["start", "exec_create", "unpause", "destroy"])
async def test_what_does_not_matter_strikes_nobody(action: str) -> None:
    async with FakeContainers({IMAGE: serve}) as engine:
        life = Life(await engine.create(ContainerSpec(image=IMAGE)))
        life.hear(Event("id", "name", action, 0.0))
        assert life.is_intact


async def test_a_container_whose_memory_ran_out_in_a_child_is_told_so_though_it_runs() -> None:
    async with FakeContainers({IMAGE: serve}) as engine:
        life = Life(await started(engine))
        life.hear(Event("id", "name", "oom", 0.0))
        with pytest.raises(EnvironmentFailure, match="ran out of memory: it used more than"):
            await life.during(anyio.sleep_forever())


async def started(engine: FakeContainers) -> Container:
    container = await engine.create(ContainerSpec(image=IMAGE))
    await container.start()
    return container


async def test_a_container_that_was_removed_is_told_to_be_gone() -> None:
    async with FakeContainers({IMAGE: serve}) as engine:
        container = await started(engine)
        life = Life(container)
        assert await life.stays_intact(0.0)
        await container.remove()
        assert not await life.stays_intact(0.0)
        assert (await life.obituary()).message == "the container is gone"


async def test_an_engine_that_goes_away_ends_the_watch_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        async with Leaving({IMAGE: serve}) as engine, Ward(engine) as ward:
            with ward.watched(await started(engine)) as life:
                assert await life.stays_intact(0.05)
    assert "containers are no longer watched" in caplog.text

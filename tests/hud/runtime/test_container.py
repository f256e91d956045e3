"""One container an instance: reached, watched, and gone afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from hud.containers import ContainerSpec, FakeContainers
from hud.errors import DockerFailure, EnvironmentFailure, StartFailure, UserError
from hud.runtime.container import RunningImage, run_image, spec_for
from hud.runtime.ward import Ward
from tests.hud.runtime.served import IMAGE, serve, silent

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def ward() -> AsyncIterator[Ward]:
    with anyio.fail_after(10):
        async with FakeContainers({IMAGE: serve, "broken": silent}) as engine, Ward(engine) as ward:
            yield ward
            assert engine.made == {}


@asynccontextmanager
async def running(**options: object) -> AsyncIterator[RunningImage]:
    async with ward() as there, run_image(there, spec_for(IMAGE, **options)) as image:  # type: ignore[arg-type]
        yield image


async def test_a_container_serves_and_its_last_words_are_kept() -> None:
    async with running(env_vars={"WORD": "hello"}) as image:
        assert [tool.name for tool in await image.connection.list_tools()] == ["act"]
        assert (await image.connection.call_tool("act", {})).text == "hello"
    assert image.log.splitlines() == ["ready", "goodbye"]


async def test_what_is_no_message_is_noise_and_disturbs_nothing() -> None:
    async with running() as image:
        assert (await image.connection.call_tool("act", {"how": "print"})).text == "done"
        assert list(image.noise) == ["a line that is no message"]


async def test_memory_that_ran_out_ends_the_call_with_that_cause() -> None:
    async with running() as image:
        with pytest.raises(EnvironmentFailure, match="ran out of memory: it used more than"):
            await image.connection.call_tool("act", {"how": "hog"})
        assert not image.life.is_intact


@pytest.mark.parametrize(("verb", "cause"), [("pause", "is paused"), ("kill", "ended by SIGKILL")])
async def test_what_happens_during_a_call_ends_it(verb: str, cause: str) -> None:
    async with running() as image:
        call = asyncio.ensure_future(image.connection.call_tool("act", {"how": "hang"}))
        await anyio.lowlevel.checkpoint()
        await getattr(image.container, verb)()
        with pytest.raises(EnvironmentFailure, match=f"the container {cause}"):
            await call


async def test_a_server_that_ends_at_once_is_told_with_what_it_said() -> None:
    async with ward() as there:
        with pytest.raises(StartFailure, match="ended with exit code 1") as failed:
            await run_image(there, ContainerSpec(image="broken")).__aenter__()
    assert "No module named 'absent'" in (failed.value.detail or "")
    assert failed.value.hint == "hud debug broken"


async def test_an_image_that_is_not_there_is_named() -> None:
    async with ward() as there:
        with pytest.raises(DockerFailure, match="there is no image `absent`"):
            await run_image(there, ContainerSpec(image="absent")).__aenter__()


async def test_no_more_start_at_a_time_than_the_ward_allows() -> None:
    async with ward() as there:
        there.starting = asyncio.Semaphore(0)
        starting = run_image(there, ContainerSpec(image=IMAGE))
        with anyio.move_on_after(0.05) as scope:
            await starting.__aenter__()
        assert scope.cancelled_caught


def test_docker_arguments_name_variables_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMED", "value")
    monkeypatch.setenv("SECRET", "value")
    assert spec_for("x", docker_args=["-e", "NAMED", "-e", "A=1"]).env == {
        "NAMED": "value",
        "A": "1",
    }
    with pytest.raises(UserError, match="privileged"):
        spec_for("x", docker_args=["--privileged"])

"""What a session does with versions that load, fail, hang, leave no room, or end by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from hud.containers import BuildFailure
from hud.dev import session as session_module
from hud.dev.backend import Instance
from hud.dev.front import DevGateway
from hud.dev.gateway import HttpUpstream, Limits
from hud.dev.session import DevSession, Event, Failed, Ready, Reloaded
from hud.dev.watcher import Step, WatchList
from hud.errors import HudError, StartFailure, UserError
from tests.hud.dev.gateway.serving import serving
from tests.hud.dev.gateway.toy import ToyServer
from tests.hud.dev.live import until

pytestmark = pytest.mark.anyio

LIMITS = Limits(hold_seconds=5, start_seconds=5, initialize_seconds=5, list_seconds=5)
TROUBLE = StartFailure("the fork failed")
MISTAKE = UserError("line 1 is wrong", detail="Traceback …")
TAKEN = StartFailure("it did not start", detail="OSError: [Errno 98] Address already in use")


class Hang(Exception):
    """Stands for a version that never finishes loading."""


class Planned:
    """A backend whose versions end as planned: an error, a hang, or a server's URL."""

    highest = Step.REBUILD

    def __init__(self, plan: list[HudError | Hang | str]) -> None:
        self.plan = plan
        self.steps: list[Step] = []
        self.instances: list[Instance] = []
        self.closed: list[str] = []
        self.took: Step | None = None
        self.hanging = asyncio.Event()

    async def start(self, step: Step) -> Instance:
        self.steps.append(step)
        item = self.plan.pop(0)
        if isinstance(item, Hang):
            self.hanging.set()
            await asyncio.Event().wait()
        if isinstance(item, HudError):
            raise item
        assert isinstance(item, str)

        async def close() -> None:
            self.closed.append(item)

        self.instances.append(Instance(HttpUpstream(item, on_close=close), took=self.took))
        return self.instances[-1]

    async def aclose(self) -> None:
        pass


class Running:
    """A session under way, with one watched file."""

    def __init__(self, session: DevSession, backend: Planned, path: Path) -> None:
        self.session = session
        self.backend = backend
        self.gateway = session.gateway
        self._path = path
        self._events: asyncio.Queue[Event | Exception] = asyncio.Queue()
        self._saves = 0

    async def run(self) -> None:
        try:
            async for event in self.session.events():
                self._events.put_nowait(event)
        except HudError as exc:
            self._events.put_nowait(exc)

    async def next(self) -> Any:
        async with asyncio.timeout(10):
            return await self._events.get()

    def save(self) -> None:
        self._saves += 1
        self._path.write_text(str(self._saves))


def watched(folder: Path) -> WatchList:
    return WatchList.of(["env.py"], folder.resolve())


def nothing_mounted(folder: Path) -> WatchList:
    return WatchList((folder.resolve(),), folder.resolve(), ())


@asynccontextmanager
async def running(tmp_path: Path, *plan: HudError | Hang | ToyServer) -> AsyncIterator[Running]:
    """A session over a planned backend, once its first event is due."""
    path = tmp_path / "env.py"
    path.write_text("0")
    async with AsyncExitStack() as stack:
        urls: list[HudError | Hang | str] = []
        for item in plan:
            if isinstance(item, ToyServer):
                urls.append((await stack.enter_async_context(serving(item.app))).url)
            else:
                urls.append(item)
        gateway = DevGateway(folder=tmp_path / "sessions", limits=LIMITS)
        await stack.enter_async_context(gateway)
        backend = Planned(urls)
        session = DevSession(gateway, backend, watched(tmp_path))
        under_way = Running(session, backend, path)
        task = asyncio.create_task(under_way.run())
        try:
            yield under_way
        finally:
            session.stop()
            async with asyncio.timeout(10):
                await task


async def test_a_save_swaps_in_a_new_version_and_closes_the_old_one(tmp_path: Path) -> None:
    old, new = ToyServer("old"), ToyServer("new", tools=("added",))
    async with running(tmp_path, old, new) as session:
        assert isinstance(await session.next(), Ready)
        session.save()
        reloaded = await session.next()
        assert isinstance(reloaded, Reloaded)
        assert reloaded.swap.changes["tools"].added == ("added",)
        assert reloaded.cause == "`env.py` changed"
        assert session.gateway.status()["generation"] == 2


async def test_the_authors_mistake_leaves_the_last_good_version(tmp_path: Path) -> None:
    async with running(tmp_path, ToyServer(), MISTAKE, ToyServer("fixed")) as session:
        await session.next()
        session.save()
        failed = await session.next()
        assert isinstance(failed, Failed)
        assert (failed.error, failed.is_serving) == (MISTAKE, True)
        assert session.gateway.status()["state"] == "serving"
        session.save()
        assert isinstance(await session.next(), Reloaded)
    assert session.backend.steps == [Step.RELOAD] * 3


async def test_a_first_version_that_fails_is_tried_again_on_the_next_save(tmp_path: Path) -> None:
    async with running(tmp_path, MISTAKE, ToyServer()) as session:
        failed = await session.next()
        assert (type(failed), failed.is_serving) == (Failed, False)
        assert session.gateway.status()["state"] == "failed"
        session.save()
        assert isinstance(await session.next(), Ready)


async def test_a_step_that_fails_for_no_fault_of_the_authors_climbs(tmp_path: Path) -> None:
    async with running(tmp_path, ToyServer(), TROUBLE, TROUBLE, ToyServer()) as session:
        await session.next()
        session.save()
        reloaded = await session.next()
        assert reloaded.step is Step.REBUILD
        assert "the fork failed" in reloaded.cause
    assert session.backend.steps[1:] == [Step.RELOAD, Step.RESTART, Step.REBUILD]


@pytest.mark.parametrize(
    ("failures", "told"), [([], Step.RESTART), ([TROUBLE, TROUBLE], Step.REBUILD)]
)
async def test_what_is_told_is_what_a_program_that_can_only_restart_took(
    tmp_path: Path, failures: list[HudError], told: Step
) -> None:
    async with running(tmp_path, ToyServer(), *failures, ToyServer()) as session:
        await session.next()
        session.backend.took = Step.RESTART
        session.save()
        assert (await session.next()).step is told


async def test_a_build_that_fails_is_the_authors_to_correct(tmp_path: Path) -> None:
    failure = BuildFailure("step 2 failed")
    async with running(tmp_path, ToyServer(), TROUBLE, failure, ToyServer()) as session:
        await session.next()
        session.save()
        assert isinstance(await session.next(), Failed)
        session.save()
        assert (await session.next()).step is Step.RELOAD
    assert session.backend.steps == [Step.RELOAD, Step.RELOAD, Step.RESTART, Step.RELOAD]


async def test_a_rebuild_that_failed_is_still_due_on_the_next_save(tmp_path: Path) -> None:
    failure = BuildFailure("step 2 failed")
    async with running(tmp_path, ToyServer(), failure, ToyServer()) as session:
        await session.next()
        session.session.has_image = True
        session.session.watched = nothing_mounted(tmp_path)
        session.save()
        assert isinstance(await session.next(), Failed)
        session.session.has_image = False
        session.save()
        assert (await session.next()).step is Step.RESTART
    assert session.backend.steps == [Step.RELOAD, Step.RESTART, Step.RESTART]


async def test_a_version_that_hangs_is_given_up_for_the_next_save(tmp_path: Path) -> None:
    async with running(tmp_path, ToyServer(), Hang(), ToyServer("new")) as session:
        await session.next()
        session.save()
        async with asyncio.timeout(10):
            await session.backend.hanging.wait()
        session.save()
        assert isinstance(await session.next(), Reloaded)


async def test_where_two_have_no_room_the_old_version_ends_first(tmp_path: Path) -> None:
    async with running(tmp_path, ToyServer(), TAKEN, ToyServer("new")) as session:
        await session.next()
        (old,) = session.backend.instances
        session.save()
        assert isinstance(await session.next(), Reloaded)
        assert session.backend.closed == [old.upstream.name]


async def test_a_version_that_ended_by_itself_is_replaced(tmp_path: Path) -> None:
    async with running(tmp_path, ToyServer(), ToyServer("new")) as session:
        await session.next()
        session.backend.instances[0].ended.set()
        reloaded = await session.next()
        assert reloaded.cause == "the environment's process ended"


async def test_a_version_that_ends_again_and_again_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "REVIVALS", (0.0, 0.01))
    servers = [ToyServer(str(number)) for number in range(4)]
    async with running(tmp_path, *servers) as session:
        assert isinstance(await session.next(), Ready)
        for number in range(2):
            session.backend.instances[number].ended.set()
            assert isinstance(await session.next(), Reloaded)
        session.backend.instances[2].ended.set()
        await until(lambda: session.gateway.status()["state"] == "failed")
        session.save()
        assert isinstance(await session.next(), Reloaded)


async def test_a_burst_of_saves_takes_two_reloads_at_most(tmp_path: Path) -> None:
    servers = [ToyServer(str(number)) for number in range(8)]
    async with running(tmp_path, *servers) as session:
        await session.next()
        for _ in range(100):
            session.save()
            await asyncio.sleep(0.005)
        await session.next()
        with anyio.move_on_after(1.5):
            await session.next()
            await session.next()
        assert len(session.backend.steps) <= 3


async def test_the_status_tells_what_was_reloaded_and_what_failed(tmp_path: Path) -> None:
    async with running(tmp_path, ToyServer(), MISTAKE, ToyServer()) as session:
        await session.next()
        gateway = session.gateway
        assert isinstance(gateway, DevGateway)
        for fixed in (False, True):
            session.save()
            gateway.note(await session.next())
            error = gateway.status()["last_error"]
            assert (error["traceback"], error["is_fixed"]) == ("Traceback …", fixed)
        assert gateway.status()["last_reload"]["cause"] == "`env.py` changed"
        assert gateway.status()["environment"] == "toy"

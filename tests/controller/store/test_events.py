"""Events: numbered, waited for, and not kept for ever."""

from __future__ import annotations

import anyio
import pytest

from controller.store import Store, events
from hud.wire.platform import EventRecord

pytestmark = pytest.mark.anyio


async def test_events_follow_each_other_by_number(store: Store) -> None:
    written = [await store.add_event("build", f"b{n}", {"n": n}) for n in range(5)]
    assert await store.events(0) == written
    assert await store.events(written[2].id, limit=1) == [written[3]]
    assert await store.latest_event() == written[-1].id


async def test_events_are_chosen_by_kind(store: Store) -> None:
    await store.add_event("build", "b", {})
    await store.add_event("debug", "d", {})
    assert [event.subject for event in await store.events(0, kinds=["debug", "job"])] == ["d"]


async def test_whoever_waits_hears_of_an_event_when_it_is_written(store: Store) -> None:
    heard: list[EventRecord] = []

    async def listen() -> None:
        heard.extend(await store.next_events(0, kinds=["debug"], timeout=30))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await store.add_event("build", "b", {})
            written = await store.add_event("debug", "d", {})
    assert heard == [written]


async def test_waiting_ends_with_nothing_when_nothing_happens(store: Store) -> None:
    assert await store.next_events(0, timeout=0.05) == []


async def test_the_oldest_events_are_forgotten_and_numbers_go_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEPT", 10)
    monkeypatch.setattr(events, "SWEEP", 5)
    for n in range(20):
        await store.add_event("build", str(n), {})
    assert [event.id for event in await store.events(0)] == list(range(11, 21))
    assert (await store.add_event("build", "next", {})).id == 21

"""Environments, versions, builds, debug runs and secrets."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.errors import NotFound
from controller.store import Store
from hud.wire.platform import (
    BuildRecord,
    DebugRecord,
    EnvironmentRecord,
    EnvironmentVersion,
    PhaseRecord,
    WorkStatus,
)
from tests.controller.store.records import BEGAN

pytestmark = pytest.mark.anyio


def environment(name: str, **fields: str) -> EnvironmentRecord:
    return EnvironmentRecord.model_validate(
        {"name": name, "state": "found", "updated_at": BEGAN, **fields}
    )


def version(source: str, number: int = 0) -> EnvironmentVersion:
    return EnvironmentVersion(
        environment="letters", number=number, source=source, created_at=BEGAN, variables=["KEY"]
    )


def build(identity: str, hours: int = 0, status: WorkStatus = "running") -> BuildRecord:
    return BuildRecord(
        id=identity,
        environment="letters",
        status=status,
        cause="deploy",
        started_at=BEGAN + timedelta(hours=hours),
    )


async def test_an_environment_is_replaced_by_name(store: Store) -> None:
    await store.put_environment(environment("b"))
    await store.put_environment(environment("a"))
    running = environment("b", state="running", reason="since noon")
    await store.put_environment(running)
    assert await store.environments() == [environment("a"), running]
    assert await store.environment("b") == running


async def test_an_unknown_environment_is_an_error_with_near_names(store: Store) -> None:
    await store.put_environment(environment("letters"))
    with pytest.raises(NotFound) as caught:
        await store.environment("leters")
    assert caught.value.hint == "did you mean `letters`?"


async def test_versions_are_numbered_and_the_same_source_is_the_same_version(store: Store) -> None:
    numbers = [await store.add_version(version(source, 99)) for source in ("x", "x", "y", "x")]
    assert numbers == [1, 1, 2, 3]
    found = await store.versions("letters")
    assert [(v.number, v.source) for v in found] == [(3, "x"), (2, "y"), (1, "x")]
    assert found[0] == version("x", 3)


async def test_a_removed_environment_takes_its_versions_along(store: Store) -> None:
    await store.put_environment(environment("letters"))
    await store.add_version(version("x"))
    await store.remove_environment("letters")
    assert (await store.environments(), await store.versions("letters")) == ([], [])
    with pytest.raises(NotFound):
        await store.remove_environment("letters")


async def test_builds_are_listed_newest_first(store: Store) -> None:
    for record in (build("a"), build("b", 2), build("c", 1), build("a", status="failed")):
        await store.put_build(record)
    assert [b.id for b in (await store.builds(environment="letters")).items] == ["b", "c", "a"]
    assert [b.id for b in (await store.builds(status="failed")).items] == ["a"]
    assert (await store.builds(environment="other")).total == 0
    assert (await store.build("a")).status == "failed"
    with pytest.raises(NotFound, match="no build `x`"):
        await store.build("x")


async def test_debug_runs_grow_phase_by_phase(store: Store) -> None:
    record = DebugRecord(id="d", target="letters", status="running", started_at=BEGAN)
    await store.put_debug(record)
    record.phases.append(PhaseRecord(number=1, title="it builds", status="passed"))
    await store.put_debug(record)
    assert await store.debug("d") == record
    assert (await store.debugs(target="letters", status="running")).items == [record]
    with pytest.raises(NotFound, match="no debug run `x`"):
        await store.debug("x")


async def test_secrets_are_kept_as_given_and_listed_by_name(store: Store) -> None:
    await store.put_secret("B_KEY", b"\0\xff")
    await store.put_secret("A_KEY", b"one")
    await store.put_secret("A_KEY", b"two")
    assert [record.name for record in await store.secrets()] == ["A_KEY", "B_KEY"]
    assert [await store.secret(name) for name in ("A_KEY", "B_KEY")] == [b"two", b"\0\xff"]
    await store.remove_secret("A_KEY")
    with pytest.raises(NotFound, match="no secret `A_KEY`"):
        await store.secret("A_KEY")

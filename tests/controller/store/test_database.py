"""Opening a database: its tables, its version, its URL, and two processes at once."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from controller.store import Store, StoreFailure
from controller.store.tables import metadata
from hud.errors import UserError
from tests.controller.store.postgres import Server
from tests.controller.store.records import job, scored
from tests.controller.store.worker import PATIENCE, PROCESSES, begin_opening

pytestmark = pytest.mark.anyio


async def test_the_migrations_make_the_tables_that_the_code_declares(
    new_database_url: str,
) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return list(compare_metadata(context, metadata))

    store = await Store.open(new_database_url)
    assert await store.read(differences) == []
    await store.aclose()


async def test_what_was_written_is_there_when_it_is_opened_again(database_url: str) -> None:
    store = await Store.open(database_url)
    await store.add_job(job())
    await store.aclose()
    store = await Store.open(database_url)
    assert (await store.job("job-1")).job == job()
    await store.aclose()


async def test_a_newer_database_is_an_error_that_names_it(new_database_url: str) -> None:
    store = await Store.open(new_database_url)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await store.write(lambda connection: connection.execute(newer).rowcount)
    await store.aclose()
    with pytest.raises(UserError, match=r"hud.*has version `9999`, which is newer"):
        await Store.open(new_database_url)


@pytest.mark.slow
def test_processes_that_open_a_new_database_at_once_share_it(new_database_url: str) -> None:
    barrier = PROCESSES.Barrier(3)
    opening = [
        PROCESSES.Process(target=begin_opening, args=(new_database_url, barrier)) for _ in range(3)
    ]
    for process in opening:
        process.start()
    for process in opening:
        process.join(PATIENCE)
    assert [process.exitcode for process in opening] == [0, 0, 0]
    assert anyio.run(_events, new_database_url) == [1, 2, 3]


async def _events(database_url: str) -> list[int]:
    store = await Store.open(database_url)
    found = [event.id for event in await store.events(0)]
    await store.aclose()
    return found


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("hud.db", "cannot be read"),
        ("mysql://x/y", "does not run on `mysql`"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
async def test_a_url_that_cannot_be_used_says_why(url: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        await Store.open(url)


@pytest.mark.parametrize(
    "url",
    ["postgresql://x@127.0.0.1:1/hud", "postgres://x@127.0.0.1:1/hud?connect_timeout=2"],
    ids=["postgresql", "postgres"],
)
async def test_a_server_that_does_not_answer_is_a_failure_of_the_store(url: str) -> None:
    with pytest.raises(StoreFailure, match=r"database failed: .*refused"):
        await Store.open(url)


async def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written: "):
        await Store.open(f"sqlite:///{tmp_path / 'file' / 'hud.db'}")


async def test_only_its_owner_reads_a_database(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'hud.db'}")
    await store.add_job(job())
    with os.scandir(tmp_path) as files:
        assert {file.stat().st_mode & 0o077 for file in files} == {0}
    await store.aclose()


async def test_a_file_that_is_no_database_is_a_failure_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / "hud.db"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(StoreFailure, match="not a database"):
        await Store.open(f"sqlite:///{path}")


async def test_a_write_that_fails_leaves_nothing(store: Store) -> None:
    def half(connection: Connection) -> None:
        connection.execute(text("DELETE FROM jobs"))
        raise RuntimeError("half way")

    await store.add_job(job())
    with pytest.raises(RuntimeError, match="half way"):
        await store.write(half)
    assert (await store.jobs()).total == 1


async def test_writes_and_reads_of_many_tasks_wait_for_each_other(store: Store) -> None:
    await store.add_job(job())
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(store.add_rollout, scored("one", number, 1.0))
                group.start_soon(store.results, "job-1")
    assert (await store.job("job-1")).totals.scored == 30


@pytest.mark.slow
async def test_a_server_that_came_back_is_used_again(postgres_server: Server) -> None:
    store = await Store.open(postgres_server.new_schema("hud_restarted"))
    await store.add_job(job())
    postgres_server.stop("immediate")
    postgres_server.start()
    await store.add_rollout(scored("one", 0, 1.0))
    assert (await store.job("job-1")).totals.scored == 1
    await store.aclose()

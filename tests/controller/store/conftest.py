"""A store on each database, as good as new for every test."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from controller.store import Store
from controller.store.tables import metadata
from tests.controller.store import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    programs = postgres.binaries()
    if programs is None:
        reason = "needs PostgreSQL's server: apt-get install postgresql"
        (pytest.fail if os.environ.get("HUD_REQUIRE_POSTGRES") == "1" else pytest.skip)(reason)
    with postgres.server(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hud.db'}"
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.new_schema(f"hud_{uuid4().hex}")


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose tables have nothing in them."""
    path = tmp_path_factory.mktemp("store") / "hud.db"
    asyncio.run(make_tables(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_schema(postgres_server: postgres.Server) -> str:
    """The same on PostgreSQL; its URL."""
    url = postgres_server.new_schema("hud_shared")
    asyncio.run(make_tables(url))
    return url


async def make_tables(url: str) -> None:
    """Let the store make its tables."""
    await (await Store.open(url)).aclose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database whose tables have nothing in them."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("sqlite_file"), tmp_path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgres_schema")
    postgres.empty(url, [table.name for table in metadata.sorted_tables])
    return url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url)
    yield opened
    await opened.aclose()

"""A store on each database, fresh for every test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from controller.store import Store
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
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hud.db'}"
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.new_schema(f"hud_{uuid4().hex}")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url)
    yield opened
    await opened.aclose()

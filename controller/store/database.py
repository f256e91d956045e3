"""One database, SQLite or PostgreSQL, as transactions in threads.

1. A write is durable when it returns: SQLite syncs its log at each commit, PostgreSQL by default.
2. One writer at a time, over all processes: on SQLite a write takes the file's lock when it begins,
   on PostgreSQL an advisory lock. Events therefore become visible in the order of their numbers.
3. Readers see the last commit and wait for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)

from controller.store.migrating import migrate
from hud.errors import HudError, UserError

LOCK_WAIT = 60.0
"""Seconds that a writer waits for the one before it."""
READERS = 4
WRITER_KEY = 0x687564
"""The advisory lock that PostgreSQL's writers take."""
ResultT = TypeVar("ResultT")


class StoreFailure(HudError):
    """The database refused or could not be reached."""


class Database:
    """Runs functions in a transaction, in a thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writers = anyio.CapacityLimiter(1)
        self._readers = anyio.CapacityLimiter(READERS)

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect and bring the tables up to date.

        Raises:
            UserError: the URL cannot be used, or the database is newer than this code.
            StoreFailure: the database does not answer.
        """
        database = cls(_engine(_parse(url)))
        try:
            await anyio.to_thread.run_sync(database.migrate, limiter=database._writers)
        except BaseException:
            database.engine.dispose()
            raise
        return database

    async def aclose(self) -> None:
        """Wait for the writer, then let go of all connections."""
        async with self._writers:
            await anyio.to_thread.run_sync(self.engine.dispose)

    async def write(self, function: Callable[[Connection], ResultT]) -> ResultT:
        """Run a function in a transaction that is durable when this returns."""
        return await anyio.to_thread.run_sync(self._write, function, limiter=self._writers)

    async def read(self, function: Callable[[Connection], ResultT]) -> ResultT:
        """Run a function on a consistent view."""
        return await anyio.to_thread.run_sync(self._read, function, limiter=self._readers)

    def migrate(self) -> None:
        with _translated(), self._writing() as connection:
            migrate(connection)

    def _write(self, function: Callable[[Connection], ResultT]) -> ResultT:
        with _translated(), self._writing() as connection:
            return function(connection)

    def _read(self, function: Callable[[Connection], ResultT]) -> ResultT:
        with _translated(), self.engine.connect() as connection, connection.begin():
            return function(connection)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self.engine.connect() as bare:
            connection = bare.execution_options(writes=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(
                        text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_KEY}
                    )
                yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError, ProgrammingError):
        raise  # a statement of ours was wrong
    except DBAPIError as exc:
        lines = str(exc.orig).strip().splitlines() or [type(exc.orig).__name__]
        raise StoreFailure(f"the database failed: {lines[0]}") from exc


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise UserError(
            "the database URL cannot be read", hint="set HUD_DATABASE_URL=sqlite:///hud.db"
        ) from exc
    kind = parsed.get_backend_name()
    if kind in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise UserError(
            f"the store does not run on `{kind}`", hint="use sqlite:///… or postgresql://…"
        )
    if parsed.database in {None, "", ":memory:"}:
        raise UserError("the store needs a file", hint="set HUD_DATABASE_URL=sqlite:///hud.db")
    return parsed


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        _make_private(Path(str(url.database)))
        engine = create_engine(
            url, connect_args={"timeout": LOCK_WAIT}, pool_size=READERS + 1, max_overflow=0
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(url, pool_size=READERS + 1, max_overflow=0, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError) as exc:
        raise UserError(
            "PostgreSQL's driver is not installed", hint="pip install 'hud-local[postgres]'"
        ) from exc


def _make_private(path: Path) -> None:
    """A file that only its owner reads; SQLite gives the files beside it the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as exc:
        raise UserError(
            f"the database {path} cannot be written: {exc.strerror}", hint="set HUD_DATABASE_URL"
        ) from exc


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={int(LOCK_WAIT * 1000)}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16000",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

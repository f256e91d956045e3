"""Files that rollouts write at the same time are told, and no others."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.hud.runtime.conftest import loaded, play_all

pytestmark = pytest.mark.anyio

SOURCE = """
import asyncio, os, sqlite3, tempfile
from pathlib import Path
from hud import Environment

HERE = Path(__file__).parent
env = Environment("files")

async def both_are_here():
    (HERE / f"here-{{os.getpid()}}").touch()
    for _ in range(3000):
        if len(list(HERE.glob("here-*"))) > 1:
            return
        await asyncio.sleep(0.01)

@env.scenario("write")
async def write(number: int):
    {first}
    await both_are_here()
    yield "Write."
    {then}
    yield 1.0

tasks = [write.task(number=number).copy(slug=f"write-{{number}}") for number in range(2)]
"""
SHARED = {
    "text": ("(HERE / 'out.txt').write_text('0')", "(HERE / 'out.txt').write_text(str(number))"),
    "database": (
        "db = sqlite3.connect(HERE / 'table.db')",
        "db.execute('create table if not exists t (n)'); db.commit()",
    ),
    "update": ("open(HERE / 'out.txt', 'w')", "open(HERE / 'out.txt', 'r+').write('1')"),
}
APART = {
    "own": ("path = HERE / f'{number}.txt'", "path.write_text('x')"),
    "temporary": ("file = tempfile.NamedTemporaryFile('w')", "file.write('x'); file.flush()"),
    "read": ("db = sqlite3.connect(HERE / 'old.db')", "db.execute('select * from t').fetchall()"),
    "appended": ("pass", "open(HERE / 'log.txt', 'a').write('x')"),
    "memory": ("db = sqlite3.connect(':memory:')", "db.execute('create table t (n)')"),
    "device": ("pass", "open(os.devnull, 'w').write('x')"),
}


async def written(folder: Path, first: str, then: str) -> list[str]:
    """The shared files of two rollouts, both of which have done `first` before either does `then`,
    by name.
    """
    (folder / "tasks.py").write_text(SOURCE.format(first=first, then=then))
    async with loaded(folder / "tasks.py") as (runtime, tasks):
        ended = await play_all(runtime, tasks)
        assert [outcome.record.reward for outcome in ended.values()] == [1.0, 1.0]
        return [Path(path).name for path in runtime.shared_files()]


@pytest.mark.parametrize("how", SHARED)
async def test_what_two_rollouts_write_at_one_time_is_shared(tmp_path: Path, how: str) -> None:
    (name,) = await written(tmp_path, *SHARED[how])
    assert name == ("table.db" if how == "database" else "out.txt")


@pytest.mark.parametrize("how", APART)
async def test_what_is_read_or_is_a_rollouts_own_is_not_shared(tmp_path: Path, how: str) -> None:
    database(tmp_path / "old.db")
    assert await written(tmp_path, *APART[how]) == []


def database(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("create table t (n)")
    db.close()

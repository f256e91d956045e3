"""Evaluations over a real store, with environments that are folders."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.evaluations import Evaluations
from controller.store import Store
from hud.errors import UserError
from hud.eval.bound import FolderRuntime, own_tasks
from hud.eval.gateway import GatewayPlace
from hud.runtime.runtime import Runtime
from hud.task import Task
from hud.wire import JobRequest, Variant
from hud.wire.tasksets import TaskUpload

ENV = """
    import asyncio
    from pathlib import Path

    from hud import Environment

    env = Environment("letters")
    MARK = Path(__file__).parent / "go"

    @env.scenario("count")
    async def count(word: str, letter: str = "r"):
        answer = yield f"How many '{letter}' in '{word}'?"
        yield 1.0 if answer and str(word.count(letter)) in answer else 0.0

    @env.scenario("wait")
    async def wait(word: str):
        while not MARK.exists():
            await asyncio.sleep(0.02)
        yield "go"
        yield 1.0

    @env.scenario("broken")
    async def broken(word: str):
        if not MARK.exists():
            raise RuntimeError("not yet")
        yield "go"
        yield 0.5
"""
TASKS = """
    from env import count

    tasks = [
        count.task(word=word).copy(
            slug=word,
            validation=[{"name": "submit", "arguments": {"answer": str(word.count("r"))}}],
        )
        for word in ("strawberry", "apple", "cherry")
    ]
"""


class FolderDoor:
    """Environments that are folders of a workspace."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    async def names(self) -> list[str]:
        return sorted(path.name for path in self._workspace.iterdir())

    async def own_tasks(self, name: str) -> list[Task]:
        return await own_tasks(self._workspace / name)

    async def open_runtime(self, name: str, tasks: Sequence[Task]) -> Runtime:
        if name not in await self.names():
            raise UserError(f"no environment `{name}`")
        runtime = FolderRuntime(self._workspace / name, tasks)
        try:
            await runtime.open()
        except BaseException:
            await runtime.aclose()
            raise
        return runtime


def write_letters(folder: Path) -> None:
    """Write the environment `letters` and its tasks."""
    folder.mkdir(parents=True)
    (folder / "env.py").write_text(textwrap.dedent(ENV))
    (folder / "tasks.py").write_text(textwrap.dedent(TASKS))


def task(slug: str, scenario: str = "count", env: str = "letters", **args: Any) -> dict[str, Any]:
    """A task of a taskset, which the oracle solves with 3."""
    return {
        "slug": slug,
        "env": {"name": env},
        "scenario": scenario,
        "args": {"word": "strawberry", **args},
        "validation": [{"name": "submit", "arguments": {"answer": "3"}}],
    }


def request(source: str, agent: str = "oracle", **options: Any) -> JobRequest:
    """A request with one agent."""
    variants = options.pop("agents", [Variant(name=agent, agent=agent)])
    return JobRequest(source=source, agents=variants, **options)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with the environment `letters`."""
    write_letters(tmp_path / "environments" / "letters")
    return tmp_path / "environments"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite:///{tmp_path / 'hud.db'}")
    yield opened
    await opened.aclose()


Upload = Callable[..., Awaitable[None]]


@pytest.fixture
def upload(store: Store) -> Upload:
    """Make a taskset: `await upload("name", task("a"), task("b"))`."""

    async def make(name: str, *tasks: dict[str, Any]) -> None:
        await store.upload(name, TaskUpload(tasks=list(tasks)))

    return make


Open = Callable[..., Any]


@pytest.fixture
def opening(store: Store, workspace: Path, tmp_path: Path) -> Open:
    """Evaluations as a controller has them: `async with opening() as evaluations`."""

    @asynccontextmanager
    async def opened(slots: int | None = None) -> AsyncIterator[Evaluations]:
        gateway = GatewayPlace("http://127.0.0.1:9", "token")
        folder = tmp_path / "evaluations"
        made = Evaluations(folder, store, FolderDoor(workspace), gateway, slots=slots)
        try:
            yield made
        finally:
            await made.aclose()

    return opened

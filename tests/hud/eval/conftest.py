"""What tests of evaluation share: task files, and a Python that forgets what it imported."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hud import Environment, Task
from hud.eval.taskset import collect
from tests import fake_provider

Write = Callable[..., Path]
Scenario = AsyncGenerator[Any, Any]

ENV = """
    from hud import Environment

    env = Environment("letters")

    @env.scenario("count")
    async def count(word: str, letter: str = "r"):
        answer = yield f"How many '{letter}' in '{word}'?"
        yield 1.0 if answer and str(word.count(letter)) in answer else 0.0
"""


def one(slug: str, word: str = "x") -> str:
    return f'from env import count\nonly = count.task(word="{word}").copy(slug="{slug}")\n'


def keys(source: Path | str, **options: object) -> list[str]:
    return [task.key for task in collect(str(source), **options)]  # type: ignore[arg-type]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files below the test's folder: `write(**{"tasks/a.py": "…"})`; returns the folder."""

    def write_files(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path

    return write_files


@pytest.fixture
def clean_imports() -> Iterator[None]:
    """Forget every module and path that the test's files brought along."""
    modules, paths = dict(sys.modules), list(sys.path)
    yield
    sys.path[:] = paths
    for name in set(sys.modules) - set(modules):
        # A second copy of these would not know the exceptions of the first.
        if not name.startswith(("httpx2", "httpcore2")):
            del sys.modules[name]
    sys.modules.update(modules)


@pytest.fixture(scope="session")
def provider() -> Iterator[fake_provider.Running]:
    """A model provider in a process of its own."""
    with fake_provider.running() as process:
        yield process


def letters() -> Environment:
    """The letter counter of the seed page, as an environment of this process."""
    env = Environment("letter-counter")

    @env.tool()
    def count_letter(text: str, letter: str) -> int:
        """Count occurrences of a letter in text."""
        return text.lower().count(letter.lower())

    @env.scenario("count")
    async def count(word: str, letter: str) -> Scenario:
        answer = yield f"How many '{letter}' in '{word}'?"
        yield 1.0 if answer and str(word.count(letter)) in answer else 0.0

    return env


def strawberry(env: Environment | None = None) -> Task:
    return (env or letters())("count", word="strawberry", letter="r")

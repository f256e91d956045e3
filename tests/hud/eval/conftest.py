"""What tests of evaluation share: folders with task files, and a Python that forgets what it imported."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Write = Callable[..., Path]

ENV = """
    from hud import Environment

    env = Environment("letters")

    @env.scenario("count")
    async def count(word: str, letter: str = "r"):
        answer = yield f"How many '{letter}' in '{word}'?"
        yield 1.0 if answer and str(word.count(letter)) in answer else 0.0
"""


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
        del sys.modules[name]
    sys.modules.update(modules)

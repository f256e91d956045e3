"""The programs of `benchmarks/` run and print their tables; what the figures are is not tested."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.command import ROOT, Command, plain_environment

pytestmark = pytest.mark.slow

TINY = {
    "imports.py": ("--repeats", "1"),
    "rollouts.py": ("--repeats", "1", "--batch", "2", "--rollouts", "4"),
    "store.py": ("--repeats", "1", "--rollouts", "5000"),
}
GOALS = {"imports.py": 3, "rollouts.py": 8, "store.py": 17}


@pytest.mark.parametrize("program", TINY)
def test_a_benchmark_prints_its_table_with_every_goal(program: str, tmp_path: Path) -> None:
    python = Command((sys.executable,), tmp_path, plain_environment(tmp_path))
    finished = python(str(ROOT / "benchmarks" / program), *TINY[program], timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert "load average" in finished.stdout.splitlines()[0]
    lines = finished.stdout.splitlines()
    assert sum(line.endswith((" ok", " over")) for line in lines) == GOALS[program]

"""The author's files are imported from their source, whatever bytecode lies beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT

IMPORT = """
import sys
from pathlib import Path
from hud.dev.forking.fresh import read_sources_below
sys.path.insert(0, {folder!r})
read_sources_below(Path({root!r}))
import mine
print(mine.VALUE)
"""


def imported(folder: Path, root: Path) -> str:
    program = IMPORT.format(folder=str(folder), root=str(root))
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
    )
    return done.stdout.strip()


def stale(folder: Path) -> None:
    """A source that looks the same as the one that its bytecode was made of."""
    source = folder / "mine.py"
    source.write_text("VALUE = 1\n")
    stamp = source.stat().st_mtime
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(source)], check=True, timeout=30)
    source.write_text("VALUE = 2\n")
    os.utime(source, (stamp, stamp))


def test_a_save_within_the_same_second_is_seen(tmp_path: Path) -> None:
    stale(tmp_path)
    assert imported(tmp_path, tmp_path) == "2"


@pytest.mark.parametrize("name", ["site-packages", "elsewhere"])
def test_libraries_keep_their_bytecode(tmp_path: Path, name: str) -> None:
    root = tmp_path if name == "site-packages" else tmp_path / "root"
    folder = tmp_path / name
    folder.mkdir()
    stale(folder)
    assert imported(folder, root) == "1"

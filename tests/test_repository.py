"""What holds for every file that is kept: its size, what it may not name, how scripts parse."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import ROOT

LINES = 600
LONGER: dict[str, int] = {}
"""Files that may be longer than `LINES`, and by how much they may grow: not at all."""

LEFT_OUT = {".git", ".hud", ".venv", "__pycache__", "build", "dist", "node_modules"}
MACHINE = re.compile(
    r"(?<![\w.$}~-])/(?:tmp|work|root|farm|home/\w+)/|\b(?:pypi|pythonhosted|npmjs|docker|quay|ghcr)\.(?:org|com|io)\b"
)


def kept_files() -> list[Path]:
    """The files that git knows or would add; without git, all but leftovers."""
    question = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists() and shutil.which("git"):
        names = subprocess.run(
            question, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
        ).stdout
        return [ROOT / name for name in names.splitlines() if (ROOT / name).is_file()]
    everything = (path for path in ROOT.rglob("*") if path.is_file())
    return [path for path in everything if LEFT_OUT.isdisjoint(path.relative_to(ROOT).parts)]


FILES = kept_files()
SCRIPTS = [path for path in FILES if path.suffix == ".sh" or path.parent.name == ".ci"]


def test_no_source_file_outgrows_its_ceiling() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in FILES
        if path.suffix in {".py", ".sh", ".md"}
    }
    assert {
        name: length for name, length in lengths.items() if length > LONGER.get(name, LINES)
    } == {}


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in FILES
        if path != Path(__file__)
        for match in MACHINE.finditer(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_parses_and_can_be_run(script: Path) -> None:
    shell = "bash" if "bash" in script.read_text(encoding="utf-8").splitlines()[0] else "sh"
    parsed = subprocess.run(
        [shell, "-n", script], capture_output=True, text=True, check=False, timeout=30
    )
    assert (parsed.returncode, parsed.stderr) == (0, "")
    assert script.stat().st_mode & 0o111


def test_every_script_is_listed() -> None:
    listing = (ROOT / "scripts/README.md").read_text(encoding="utf-8")
    assert [
        path.name
        for path in SCRIPTS
        if path.parent.name == "scripts" and f"`{path.name}" not in listing
    ] == []


def test_the_locks_hold_a_hash_for_every_package() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
        assert [
            entry
            for entry in entries
            if not entry.startswith("#") and "--hash=sha256:" not in entry
        ] == []

"""What a module leaves in the temporary folder when it is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT

RECORD = """
import sys
from hud.runtime.scratch import Scratch

scratch = Scratch()
with scratch.recording():
    import author
print([path.name for path in scratch.paths])
scratch.remove()
print([path.name for path in scratch.paths])
"""


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("tempfile.mkdtemp(prefix='a', suffix='z')", 1),
        ("keep = tempfile.TemporaryDirectory()", 1),
        ("tempfile.mkstemp()", 1),
        ("with tempfile.TemporaryDirectory(): pass", 0),
        ("from distutils_like import made", 0),
        ("tempfile.gettempdir()", 0),
    ],
)
def test_what_the_authors_code_makes_and_keeps_is_found_and_removed(
    tmp_path: Path, line: str, left: int
) -> None:
    site = tmp_path / "lib/site-packages"
    site.mkdir(parents=True)
    (site / "distutils_like.py").write_text("import tempfile\nmade = tempfile.mkdtemp()\n")
    (tmp_path / "author.py").write_text(f"import sys, tempfile\n{line}\n")
    library = "import hud.runtime.scratch as s; s.NOT_AUTHORS += (sys.argv[1],)"
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys; {library}\n{RECORD}", str(site)],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{site}", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found, after = ended.stdout.splitlines()
    assert (len(found.split(",")) if found != "[]" else 0, after) == (left, "[]")

"""The original SDK, installed into a virtual environment of its own the first time it is asked."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "hud-python"
VERSION = "0.5.41"
QUIET = {
    "HUD_TELEMETRY_ENABLED": "false",
    "HUD_SKIP_VERSION_CHECK": "1",
    "PYTHONWARNINGS": "ignore",
    "PYTHONPATH": "",
}
"""Variables that keep it from the network, and this checkout out of its way."""


def original() -> Path | None:
    """Its interpreter; None, after a line that says why, where it cannot be installed.

    The folder is `$HUD_BENCH_CACHE`, or one in the system's temporary folder.
    """
    default = Path(tempfile.gettempdir()) / "hud-benchmarks"
    folder = Path(os.environ.get("HUD_BENCH_CACHE") or default) / f"{PACKAGE}-{VERSION}"
    python, done = folder / "bin" / "python", folder / "installed"
    if done.exists():
        return python
    print(f"installing {PACKAGE} {VERSION} into {folder} …", flush=True)
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    for step in (
        (sys.executable, "-m", "venv", "--clear", str(folder)),
        (*pip, f"{PACKAGE}=={VERSION}"),
    ):
        reason = _failure(step)
        if reason is not None:
            print(f"left out: {PACKAGE} {VERSION} cannot be installed: {reason}")
            return None
    done.touch()
    return python


def _failure(command: tuple[str, ...]) -> str | None:
    """The last line of what a failed command said; None if it succeeded."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if not finished.returncode:
        return None
    said = (finished.stderr or finished.stdout).strip().splitlines()
    return said[-1] if said else f"exit status {finished.returncode}"

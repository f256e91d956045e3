"""The original SDK, installed into a virtual environment of its own the first time that it is asked
for.
"""

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
"""What keeps it from the network and this checkout out of its way."""


def original() -> Path | None:
    """Its interpreter; None, with a line that says why, where it cannot be installed.

    The folder is `$HUD_BENCH_CACHE`, or one in the system's temporary folder.
    """
    default = Path(tempfile.gettempdir()) / "hud-benchmarks"
    folder = Path(os.environ.get("HUD_BENCH_CACHE") or default) / f"{PACKAGE}-{VERSION}"
    python, done = folder / "bin" / "python", folder / "installed"
    if done.exists():
        return python
    print(f"installing {PACKAGE} {VERSION} into {folder} …", flush=True)
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [
            str(python),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            f"{PACKAGE}=={VERSION}",
        ],
    )
    for step in steps:
        finished = subprocess.run(step, capture_output=True, text=True, check=False)
        if finished.returncode:
            reason = next(iter(reversed(finished.stderr.strip().splitlines())), "no reason given")
            print(f"left out: {PACKAGE} {VERSION} cannot be installed: {reason}")
            return None
    done.touch()
    return python

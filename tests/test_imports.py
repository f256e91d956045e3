"""Importing is free of effects, and of what only some users need."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Command

HEAVY = {
    "agents", "altair", "anthropic", "docker", "fastapi", "fastmcp", "google", "langchain_core",
    "llama_index", "mcp.client", "mcp.server", "openai", "pandas", "ray", "sqlmodel", "streamlit",
    "watchfiles",
}  # fmt: skip
TERMINAL = {"click", "rich", "typer"}

STATE = """
import json, logging, os, signal, sys, threading, warnings

def state():
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    return {
        "threads": [thread.name for thread in threading.enumerate()],
        "handlers": [repr(handler) for handler in logging.root.handlers],
        "level": logging.root.level,
        "levels": {log.name: log.level for log in loggers if log.level or log.handlers},
        "disabled": logging.root.manager.disable,
        "filters": [repr(entry) for entry in warnings.filters],
        "hooks": [repr(hook) for hook in (sys.excepthook, sys.displayhook, threading.excepthook)],
        "signals": [repr(signal.getsignal(number)) for number in signal.valid_signals()],
        "variables": dict(os.environ),
        "path": list(sys.path),
        "directory": os.getcwd(),
    }
"""


def loaded_by(python: Command, statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `statement`."""
    ended = python("-c", f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))")
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stdout))


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import hud", HEAVY | TERMINAL),
        ("from hud import Environment", HEAVY | TERMINAL),
        ("import hud.agents, hud.eval, hud.formats, hud.types", HEAVY | TERMINAL),
        ("import hud.cli", HEAVY),
    ],
)
def test_an_import_loads_no_package_that_it_may_not_need(
    python: Command, statement: str, unwanted: set[str]
) -> None:
    assert loaded_by(python, statement) & unwanted == set()


def test_importing_an_environment_loads_less_than_the_mcp_library(python: Command) -> None:
    assert len(loaded_by(python, "from hud import Environment")) < len(
        loaded_by(python, "import mcp")
    )


@pytest.mark.parametrize(
    "statement", ["import hud", "from hud import Environment", "import hud.eval"]
)
def test_an_import_changes_nothing_in_its_process(python: Command, statement: str) -> None:
    probe = f"{STATE}\nbefore = state()\n{statement}\nprint(json.dumps([before, state()]))"
    before, after = json.loads(python("-c", probe).stdout)
    assert after == before


@pytest.mark.parametrize(
    "statement", ["import hud", "from hud import Environment", "import hud.cli"]
)
def test_an_import_says_nothing_and_writes_nothing(python: Command, statement: str) -> None:
    ended = python("-W", "error", "-c", statement)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert files(python.cwd.parent) == []


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]

"""How long importing takes, and how much memory, against the MCP library's own server stack.

Each command is a fresh interpreter; they take turns, so that whatever disturbs the machine disturbs
them alike.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring.original import QUIET, VERSION, original
from measuring.processes import Usage, environment, run
from measuring.table import Goal, Row, introduce, show

REFERENCE = "import mcp.server"
SHARE = Goal(0.6, is_ratio=True)
"""What ours may take of the reference's time."""

IMPORT = "from hud import Environment"
COMMANDS: dict[str, tuple[str, ...]] = {
    REFERENCE: ("-c", "import mcp.server"),
    "import mcp_types": ("-c", "import mcp_types"),
    "python, nothing imported": ("-c", "pass"),
    IMPORT: ("-c", IMPORT),
    "hud --help": ("-m", "hud", "--help"),
    "hud version": ("-m", "hud", "version"),
}
GOALS = {IMPORT: SHARE, "hud --help": SHARE, "hud version": SHARE}
ITS_COMMANDS: dict[str, tuple[str, ...]] = {
    f"{VERSION}: {IMPORT}": ("-c", IMPORT),
    f"{VERSION}: hud --help": ("-m", "hud.cli", "--help"),
    f"{VERSION}: hud version": ("-m", "hud.cli", "version"),
}


def main() -> None:
    """Measure and print the table."""
    options = _options()
    introduce()
    its_python = original() if options.original else None
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), options.repeats, its_python)
    title = f"interpreters that start, import and end: milliseconds and MB, {options.repeats} each, by turns"
    show(title, ["time", *times(measured), "memory", *memory(measured)])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="how often each command is run")
    parser.add_argument(
        "--original", action="store_true", help=f"compare with hud-python {VERSION}, too"
    )
    return parser.parse_args()


def measure(folder: Path, repeats: int, its_python: Path | None) -> dict[str, list[Usage]]:
    """What each command took; a first run of each, which compiles, does not count."""
    ours, its = environment(folder), environment(folder, **QUIET)
    jobs: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {
        name: ((sys.executable, *arguments), ours) for name, arguments in COMMANDS.items()
    }
    if its_python:
        jobs |= {
            name: ((str(its_python), *arguments), its) for name, arguments in ITS_COMMANDS.items()
        }
    usages: dict[str, list[Usage]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, (argv, env) in jobs.items():
            usage = run(argv, folder, env)
            if turn:
                usages[name].append(usage)
    return usages


def times(measured: Mapping[str, Sequence[Usage]]) -> list[Row]:
    """A row of milliseconds for each command."""
    samples = {
        name: [usage.seconds * 1000 for usage in usages] for name, usages in measured.items()
    }
    reference = Row(REFERENCE, "ms", samples.pop(REFERENCE))
    return [reference] + [
        Row(name, "ms", values, reference=reference, goal=GOALS.get(name))
        for name, values in samples.items()
    ]


def memory(measured: Mapping[str, Sequence[Usage]]) -> list[Row]:
    """A row of MB for each command."""
    samples = {name: [usage.memory for usage in usages] for name, usages in measured.items()}
    reference = Row(REFERENCE, "MB", samples.pop(REFERENCE))
    return [reference] + [
        Row(name, "MB", values, reference=reference) for name, values in samples.items()
    ]


if __name__ == "__main__":
    main()

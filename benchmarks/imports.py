"""How long importing takes, and how much memory, against the MCP library's own server stack.

Each command is a fresh interpreter; they take turns, so what disturbs one disturbs all.
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
IMPORT = "from hud import Environment"
COMMANDS: dict[str, tuple[str, ...]] = {
    REFERENCE: ("-c", "import mcp.server"),
    "import mcp_types": ("-c", "import mcp_types"),
    "nothing imported": ("-c", "pass"),
    IMPORT: ("-c", IMPORT),
    "hud --help": ("-m", "hud", "--help"),
    "hud version": ("-m", "hud", "version"),
}
ITS_COMMANDS: dict[str, tuple[str, ...]] = {
    f"{VERSION}: {IMPORT}": ("-c", IMPORT),
    f"{VERSION}: hud --help": ("-m", "hud.cli", "--help"),
    f"{VERSION}: hud version": ("-m", "hud.cli", "version"),
}
GOALS = {name: Goal(0.6, is_ratio=True) for name in (IMPORT, "hud --help", "hud version")}


def main() -> None:
    """Measure and print the table."""
    options = _options()
    introduce()
    its_python = original() if options.original else None
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), options.repeats, its_python)
    seconds = {name: [usage.seconds * 1000 for usage in usages] for name, usages in measured}
    memory = {name: [usage.memory for usage in usages] for name, usages in measured}
    show(
        f"interpreters from start to end, {options.repeats} of each",
        ["time", *rows("ms", seconds, GOALS), "memory", *rows("MB", memory, {})],
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="runs of each command")
    parser.add_argument("--original", action="store_true", help=f"measure hud-python {VERSION} too")
    return parser.parse_args()


def measure(
    folder: Path, repeats: int, its_python: Path | None
) -> Sequence[tuple[str, list[Usage]]]:
    """What each command took; its first run, which compiles what it imports, does not count."""
    ours, its = environment(folder), environment(folder, **QUIET)
    jobs = [(name, (sys.executable, *arguments), ours) for name, arguments in COMMANDS.items()]
    if its_python:
        jobs += [(name, (str(its_python), *args), its) for name, args in ITS_COMMANDS.items()]
    usages: dict[str, list[Usage]] = {name: [] for name, _, _ in jobs}
    for turn in range(repeats + 1):
        for name, argv, env in jobs:
            usage = run(argv, folder, env)
            if turn:
                usages[name].append(usage)
    return list(usages.items())


def rows(
    unit: str, samples: Mapping[str, Sequence[float]], goals: Mapping[str, Goal]
) -> Sequence[Row]:
    """A row for each command, compared with the reference."""
    reference = Row(REFERENCE, unit, samples[REFERENCE])
    return [
        Row(name, unit, values, reference=reference, goal=goals.get(name))
        for name, values in samples.items()
    ]


if __name__ == "__main__":
    main()

"""Many reloads under clients of both eras and three SDKs that call all the time.

`SOAK_RELOADS=200` is the full run; `-s` shows the figures.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from tests import conformance
from tests.command import Command
from tests.hud.dev.live import DevServer, hud_dev, source, until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RELOADS = int(os.environ.get("SOAK_RELOADS", "20"))
CALLERS = Path(__file__).parent / "callers"
SECONDS = 60.0

SOMETIMES = "\n\n@env.tool()\ndef sometimes() -> int:\n    return 0\n"
LEGACY = 5
"""How many of the clients have a session."""


@dataclass(frozen=True)
class Footprint:
    """What a server and all that it started use."""

    memory: int
    """Bytes, pages that processes share divided among them."""
    descriptors: int
    processes: int


PARTS = ("memory", "descriptors", "processes")


def commands(url: str) -> list[list[str]]:
    """The eight clients' command lines."""
    python = str(CALLERS / "caller.py")
    node = [str(conformance.node()), str(CALLERS / "caller.mjs")]
    sdk = str(conformance.typescript_sdk())
    newer = [str(conformance.python("mcp2")), python, url]
    older = [str(conformance.python("mcp1")), python, url, "legacy"]
    return [
        *([*newer, era] for era in ("legacy", "legacy", "auto", "auto")),
        *(older, older),
        *([*node, sdk, url, era] for era in ("legacy", "auto")),
    ]


@contextmanager
def calling(url: str) -> Iterator[list[subprocess.Popen[str]]]:
    """The clients, calling all the time."""
    with ExitStack() as stack:
        clients = []
        for command in commands(url):
            client = subprocess.Popen(
                command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            stack.callback(client.kill)
            clients.append(stack.enter_context(client))
        yield clients


def reports(clients: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    """What each client saw, once all are told to stop."""
    return [json.loads(client.communicate(timeout=SECONDS)[0]) for client in clients]


def family(process: int) -> list[int]:
    """A process and all that it started, and they."""
    children = Path(f"/proc/{process}/task").glob("*/children")
    numbers = [int(word) for file in children for word in file.read_text().split()]
    return [process, *(number for child in numbers for number in family(child))]


def footprint(process: int) -> Footprint:
    memory, descriptors, processes = 0, 0, 0
    for number in family(process):
        try:
            rollup = Path(f"/proc/{number}/smaps_rollup").read_text()
            descriptors += len(list(Path(f"/proc/{number}/fd").iterdir()))
        except OSError:
            continue  # it ended meanwhile
        memory += int(rollup.split("\nPss:")[1].split()[0]) * 1024
        processes += 1
    return Footprint(memory, descriptors, processes)


def growth(samples: Sequence[Footprint], of: Callable[[Footprint], float]) -> float:
    """How much more the last quarter uses than the second one, as a ratio."""
    quarter = len(samples) // 4
    early = statistics.median(of(sample) for sample in samples[quarter : 2 * quarter])
    return statistics.median(of(sample) for sample in samples[-quarter:]) / early


@pytest.fixture
def server(hud_cli: Command) -> Iterator[DevServer]:
    conformance.require()
    (hud_cli.cwd / "env.py").write_text(source(0, SOMETIMES))
    with hud_dev(hud_cli, "env:env", "-w", "env.py", "-p", "0") as running:
        yield running


async def reload_often(server: DevServer) -> list[Footprint]:
    """Save again and again; what is used after each reload."""
    samples = []
    for version in range(1, RELOADS + 1):
        await server.reloaded(source(version, SOMETIMES if version % 2 == 0 else ""))
        samples.append(await anyio.to_thread.run_sync(footprint, server.process.pid))
    return samples


async def test_no_session_and_no_call_is_lost_and_nothing_grows(server: DevServer) -> None:
    with calling(server.url) as clients:
        await until(lambda: server.status()["sessions"] == LEGACY)
        samples = await reload_often(server)
        status = server.status()
        saw = await anyio.to_thread.run_sync(reports, clients)
    grown = {part: growth(samples, attrgetter(part)) for part in PARTS}
    sys.stderr.write(f"\n{summary(saw, samples, grown)}\n")
    assert status["sessions"] == LEGACY
    assert status["generation"] == RELOADS + 1
    assert [one["failed"] for one in saw] == [[]] * len(clients)
    assert all(one["in_order"] and one["absent"] for one in saw)
    assert max(grown.values()) <= 1.1, grown


def summary(
    saw: Sequence[dict[str, Any]], samples: Sequence[Footprint], grown: dict[str, float]
) -> str:
    calls = sum(one["calls"] for one in saw)
    absent = sum(one["absent"] for one in saw)
    growths = ", ".join(
        f"{part} {getattr(samples[-1], part)} (×{grown[part]:.2f})" for part in PARTS
    )
    return f"{RELOADS} reloads, {calls} calls, {absent} of a removed tool; {growths}"

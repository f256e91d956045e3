"""The dev loop: how soon it is there, how soon a saved file answers, and what the gateway costs.

A client asks all the time while files are saved: `silence` is the longest time that it got no
answer. Calls go to one server directly and through a gateway by turns.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from measuring.original import QUIET, VERSION, original
from measuring.processes import environment
from measuring.table import Goal, Row, introduce, show
from measuring.wire import Blocking, Quick, call, message

from hud.cli.init import make_environment

MILLISECONDS = 1000.0
START_SECONDS, SAVE_SECONDS, BUILD_SECONDS = 60.0, 20.0, 600.0
PAUSE = 0.3
"""Seconds between an answer and the next save."""
CLIENTS = 32
NEXT_PORTS = 4
LIBRARIES = ("numpy", "pandas")

OURS = """{imports}from hud import Environment

env = Environment("bench")


@env.tool()
def version() -> str:
    return "v{version}."
"""
FASTMCP = """from fastmcp import FastMCP

mcp = FastMCP("bench")


@mcp.tool
def version() -> str:
    return "v{version}."
"""
DIRECT = """
if __name__ == "__main__":
    import sys

    env.run("http", port=int(sys.argv[1]))
"""


@dataclass(frozen=True)
class Contestant:
    """Something that serves a file and reloads it."""

    name: str
    argv: tuple[str, ...]
    """`{port}` stands for the port."""
    env: Mapping[str, str]
    file: str
    text: str
    start_seconds: float = START_SECONDS
    goals: tuple[Goal | None, Goal | None] = (None, None)
    """For the start, and for a save."""


class Following(Blocking):
    """A client that looks at the next ports too: some servers move there when they reload."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._first = port
        self.found_at = port

    def ask(self, body: bytes) -> bytes | None:
        answer = super().ask(body)
        if answer is None:
            self._port = self._first + (self._port - self._first + 1) % NEXT_PORTS
        else:
            self.found_at = self._port
        return answer


@dataclass
class Result:
    """What was measured of one contestant."""

    starts: list[float] = field(default_factory=list)
    saves: list[float] = field(default_factory=list)
    silences: list[float] = field(default_factory=list)
    lost: int = 0
    """Saves whose new answer never came."""
    moved: int = 0
    """Saves after which it was to be found at another port."""


def main() -> None:
    """Measure and print the tables."""
    options = _options()
    introduce()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        contestants = _contestants(folder, options)
        results = {
            one.name: _measure(one, folder, options.repeats, options.saves) for one in contestants
        }
        _show_reloads(contestants, results, options)
        asyncio.run(_show_calls(folder, options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="starts of each")
    parser.add_argument("--saves", type=int, default=30, help="saves of each")
    parser.add_argument("--calls", type=int, default=400, help="calls of each way, one by one")
    parser.add_argument("--original", action="store_true", help=f"measure hud-python {VERSION} too")
    parser.add_argument("--docker", action="store_true", help="measure reloads in a container too")
    return parser.parse_args()


def _contestants(folder: Path, options: argparse.Namespace) -> list[Contestant]:
    env = environment(folder, HUD_IN_CONTAINER="0")
    ours = (sys.executable, "-m", "hud", "dev", "env:env", "-w", "env.py", "-p", "{port}")
    plain = (*ours, "--no-docker")
    goals = (Goal(1000), Goal(120))
    chosen = [Contestant("hud dev", plain, env, "env.py", OURS, goals=goals)]
    if all(importlib.util.find_spec(name) for name in LIBRARIES):
        text = OURS.replace("{imports}", "".join(f"import {name}\n" for name in LIBRARIES))
        named = f"hud dev, with {' and '.join(LIBRARIES)}"
        chosen.append(Contestant(named, plain, env, "env.py", text, goals=(None, Goal(120))))
    else:
        print(f"left out: {' and '.join(LIBRARIES)} are not installed")
    if options.docker:
        goals = (None, Goal(400))
        chosen.append(
            Contestant("hud dev, in a container", ours, env, "env.py", OURS, BUILD_SECONDS, goals)
        )
    if shutil.which("fastmcp", path=env["PATH"]):
        words = ("fastmcp", "run", "server.py:mcp", "-t", "http", "-p", "{port}", "--reload")
        chosen.append(
            Contestant("fastmcp run --reload", (*words, "--no-banner"), env, "server.py", FASTMCP)
        )
    python = original() if options.original else None
    if python is not None:
        argv = (str(python), "-m", "hud.cli", "dev", "env:env", "-w", "env.py", "-p", "{port}")
        its = Contestant(f"hud-python {VERSION}", argv, env | QUIET, "env.py", OURS)
        chosen.append(its)
    return chosen


def _measure(one: Contestant, parent: Path, repeats: int, saves: int) -> Result:
    result = Result()
    folder = _folder(one, parent)
    path = folder / one.file
    _write(path, one.text, 0)
    with _running(one, folder) as (port, _):
        Blocking(port).until(b"version", message("tools/list"), one.start_seconds)
    for _ in range(repeats):
        with _running(one, folder) as (port, started):
            client = Blocking(port)
            client.until(b"version", message("tools/list"), one.start_seconds)
            result.starts.append((time.perf_counter() - started) * MILLISECONDS)
    number = 0
    while len(result.saves) + result.lost < saves:
        with _running(one, folder) as (port, _):
            client = Following(port)
            client.until(b"v", call("version"), one.start_seconds)
            number = _save_until_lost(client, path, one.text, number, saves, result)
    return result


def _save_until_lost(
    client: Following, path: Path, text: str, number: int, saves: int, result: Result
) -> int:
    while len(result.saves) + result.lost < saves:
        time.sleep(PAUSE)
        number += 1
        _write(path, text, number)
        before = client.found_at
        found = client.until(f"v{number}.".encode(), call("version"), SAVE_SECONDS)
        if found is None:
            result.lost += 1
            break
        result.moved += client.found_at != before
        result.saves.append(found[0] * MILLISECONDS)
        result.silences.append(found[1] * MILLISECONDS)
    return number


def _folder(one: Contestant, parent: Path) -> Path:
    folder = make_environment(f"bench-{abs(hash(one.name)) % 10**6}", parent)
    for name in ("tasks.py", "README.md"):
        (folder / name).unlink()
    return folder


def _write(path: Path, text: str, version: int) -> None:
    draft = path.with_name(f"{path.name}~")
    draft.write_text(text.replace("{imports}", "").replace("{version}", str(version)))
    draft.replace(path)


@contextmanager
def _running(one: Contestant, folder: Path) -> Iterator[tuple[int, float]]:
    """The contestant's port, and when it was started."""
    port = _free_port()
    argv = [word.replace("{port}", str(port)) for word in one.argv]
    with _started(argv, folder, one.env):
        yield port, time.perf_counter()


@contextmanager
def _started(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """A process, ended with all that it started."""
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _show_reloads(
    contestants: Sequence[Contestant], results: Mapping[str, Result], options: argparse.Namespace
) -> None:
    rows: list[Row | str] = ["start → first tools/list"]
    rows += [
        Row(one.name, "ms", results[one.name].starts, goal=one.goals[0]) for one in contestants
    ]
    saved = [one for one in contestants if results[one.name].saves]
    rows.append("save → new answer")
    rows += [Row(one.name, "ms", results[one.name].saves, goal=one.goals[1]) for one in saved]
    rows.append("silence during a save")
    rows += [Row(one.name, "ms", results[one.name].silences) for one in saved]
    show(f"the dev loop, {options.repeats} starts and {options.saves} saves of each", rows)
    for one in contestants:
        if results[one.name].lost:
            print(f"{one.name}: {results[one.name].lost} saves were never answered")
        if results[one.name].moved:
            print(f"{one.name}: moved to another port after {results[one.name].moved} saves")


async def _show_calls(folder: Path, options: argparse.Namespace) -> None:
    env = environment(folder, HUD_IN_CONTAINER="0")
    (folder / "env.py").write_text(OURS.replace("{imports}", "").replace("{version}", "0") + DIRECT)
    with ExitStack() as stack:
        port = _free_port()
        stack.enter_context(_started([sys.executable, "env.py", str(port)], folder, env))
        ports = {"directly": port, **_gateways(port, folder, env, stack)}
        for way in ports.values():
            if Blocking(way).until(b"version", message("tools/list"), START_SECONDS) is None:
                raise SystemExit(f"nothing answers:\n{(folder / 'output.txt').read_text()}")
        alone = await _by_turns(ports, options.calls)
        together = {name: await _together(way, options.calls) for name, way in ports.items()}
    _show_latencies(alone, together, options)


def _gateways(port: int, folder: Path, env: Mapping[str, str], stack: ExitStack) -> dict[str, int]:
    """What stands in front of the server, by its port."""
    url = f"http://127.0.0.1:{port}/mcp"
    ours, theirs = _free_port(), _free_port()
    argv = [sys.executable, "-m", "hud", "dev", "--url", url, "-p", str(ours)]
    stack.enter_context(_started(argv, folder, env))
    ports = {"through the gateway": ours}
    if shutil.which("fastmcp", path=env["PATH"]):
        argv = ["fastmcp", "run", url, "-t", "http", "-p", str(theirs), "--no-banner"]
        stack.enter_context(_started(argv, folder, env))
        ports["through FastMCP's proxy"] = theirs
    return ports


async def _by_turns(ports: Mapping[str, int], calls: int) -> dict[str, list[float]]:
    """Milliseconds of each call, one after the other, each way by turns."""
    clients = {name: Quick(port) for name, port in ports.items()}
    for client in clients.values():
        await client.open()
    times: dict[str, list[float]] = {name: [] for name in ports}
    for number in range(-20, calls):
        for name, client in clients.items():
            started = time.perf_counter()
            await client.ask(call("version"))
            if number >= 0:
                times[name].append((time.perf_counter() - started) * MILLISECONDS)
    for client in clients.values():
        client.close()
    return times


async def _together(port: int, calls: int) -> list[float]:
    """Milliseconds a call while many clients call at once, one figure a round."""
    clients = [Quick(port) for _ in range(CLIENTS)]
    await asyncio.gather(*(client.open() for client in clients))
    each = max(4, calls // CLIENTS)

    async def ask_all(client: Quick) -> None:
        for _ in range(each):
            await client.ask(call("version"))

    rounds = []
    for _ in range(6):
        started = time.perf_counter()
        await asyncio.gather(*map(ask_all, clients))
        rounds.append((time.perf_counter() - started) / (each * CLIENTS) * MILLISECONDS)
    for client in clients:
        client.close()
    return rounds[1:]


def _show_latencies(
    alone: Mapping[str, Sequence[float]],
    together: Mapping[str, Sequence[float]],
    options: argparse.Namespace,
) -> None:
    direct = Row("directly", "ms", alone["directly"])
    rows: list[Row | str] = ["one client, a call", direct]
    rows += [
        Row(name, "ms", times, reference=direct)
        for name, times in alone.items()
        if name != direct.what
    ]
    added = [
        through - straight
        for through, straight in zip(alone["through the gateway"], direct.samples, strict=True)
    ]
    rows.append(Row("added by the gateway", "ms", added, goal=Goal(1.5)))
    reference = Row("directly", "ms", together["directly"])
    rows += [f"{CLIENTS} clients at once, time a call", reference]
    rows += [
        Row(
            name,
            "ms",
            times,
            reference=reference,
            goal=Goal(1.67, is_ratio=True) if "gateway" in name else None,
        )
        for name, times in together.items()
        if name != reference.what
    ]
    show(f"calls of a tool, {options.calls} of each", rows)
    _show_rates("1 client", alone)
    _show_rates(f"{CLIENTS} clients", together)


def _show_rates(clients: str, times: Mapping[str, Sequence[float]]) -> None:
    rates = {name: MILLISECONDS / statistics.median(each) for name, each in times.items()}
    shown = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
    print(f"calls/s, {clients}: {shown}")


if __name__ == "__main__":
    main()

"""`hud debug`: examine an image, a folder or a module phase by phase, and say what to do about the
first failure.
"""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any

import typer

from hud.cli import console
from hud.cli.building import BuildProgress
from hud.debug import Evidence, Options, PhaseEvent, Request, open_target
from hud.debug import debug as examine
from hud.errors import UserError

LAST_PHASE = 7
SHOWN_LINES = 15
"""Lines of a server's output that are shown."""


def debug(
    target: Annotated[
        str, typer.Argument(help="An image, a folder, or a module such as env:env.")
    ] = ".",
    docker_arguments: Annotated[
        list[str] | None, typer.Argument(help="Options of `docker run`: -e KEY=VALUE, -m 4g, …")
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", "-b", help="Build the folder's image first.")
    ] = False,
    max_phase: Annotated[
        int, typer.Option("--max-phase", help="Stop after this phase (1 to 7).")
    ] = LAST_PHASE,
    timeout: Annotated[
        float, typer.Option(min=1.0, help="Seconds that a server has until it answers.")
    ] = Options.start_seconds,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Find out what is wrong with an environment.

    Exit status: 0 every phase passed, 1 one failed, 2 wrong usage.
    """
    if not 1 <= max_phase <= LAST_PHASE:
        raise UserError(f"there is no phase {max_phase}: they are 1 to {LAST_PHASE}")
    request = Request(target, tuple(docker_arguments or ()), build)
    return asyncio.run(_interruptible(request, max_phase, Options(start_seconds=timeout), as_json))


async def _interruptible(request: Request, max_phase: int, options: Options, as_json: bool) -> int:
    """Examine; SIGTERM ends it as Ctrl-C does, so that nothing is left running."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await _run(request, max_phase, options, as_json)
    except asyncio.CancelledError:
        console.note("interrupted")
        return 128 + signal.SIGINT


async def _run(request: Request, max_phase: int, options: Options, as_json: bool) -> int:
    ended: list[PhaseEvent] = []
    async with AsyncExitStack() as stack:
        with BuildProgress() as progress:
            target = await stack.enter_async_context(open_target(request, progress.show))
        events = examine(target, max_phase=max_phase, options=options)
        async for event in await stack.enter_async_context(aclosing(events)):
            if event.status == "running":
                continue
            ended.append(event)
            if not as_json:
                _show(event)
    if as_json:
        console.data(json.dumps(_document(target.name, target.kind, ended), indent=2))
    return 1 if any(event.status == "failed" for event in ended) else 0


def _document(name: str, kind: str, events: list[PhaseEvent]) -> dict[str, Any]:
    return {
        "target": name,
        "kind": kind,
        "passed": all(event.status == "passed" for event in events),
        "seconds": round(sum(event.seconds for event in events), 3),
        "phases": [event.as_json() for event in events],
    }


def _show(event: PhaseEvent) -> None:
    """Print what a phase came to: its line on stdout, remarks and evidence on stderr."""
    if event.status == "skipped":
        return
    sign = "✓" if event.status == "passed" else "✗"
    console.data(f"{sign} Phase {event.phase.number}: {event.title}")
    for text in event.notes:
        console.note(f"    {text}")
    for text in event.warnings:
        console.note(f"    warning: {text}")
    if event.remedy is not None:
        console.plain(f"  → Error: {event.remedy.error}")
        console.plain(f"  → Fix: {event.remedy.fix}")
    if event.evidence is not None:
        for line in _evidence_lines(event.evidence):
            console.note(f"    {line}")


def _evidence_lines(evidence: Evidence) -> list[str]:
    lines = [_server_line(evidence)] if evidence.started else []
    if evidence.command:
        lines.append(f"command: {' '.join(evidence.command)}")
    if evidence.listeners:
        lines.append(f"listening inside: {', '.join(str(one) for one in evidence.listeners)}")
    lines += _quoted("printed on stdout, though no protocol:", evidence.noise)
    lines += _quoted("last lines that it printed:", evidence.stderr)
    return [*lines, *_quoted("detail:", tuple(evidence.detail.splitlines()))]


def _server_line(evidence: Evidence) -> str:
    state = "still running" if evidence.running else evidence.ending
    return f"server: {state}{', killed for its memory limit' if evidence.out_of_memory else ''}"


def _quoted(title: str, lines: tuple[str, ...]) -> list[str]:
    return [title, *(f"  | {line}" for line in lines[-SHOWN_LINES:])] if lines else []

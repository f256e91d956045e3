"""`hud jobs`: list the evaluations that the controller knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Literal

import typer

from hud.cli import console
from hud.client import Client
from hud.errors import HudError
from hud.eval.recording import send_waiting
from hud.settings import get_settings
from hud.wire import JobView

HEADERS = ("job", "status", "started", "name", "agent", "rollouts", "mean", "failed")


def jobs(
    taskset: Annotated[str | None, typer.Option(help="Only jobs of this taskset.")] = None,
    status: Annotated[
        Literal["running", "finished", "cancelled"] | None, typer.Option(help="Only such jobs.")
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", "-s", help="Only jobs with this in id, name, source.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many of the newest.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """List the evaluations that the controller knows, the newest first."""
    with Client() as client:
        with suppress(HudError):  # what cannot be sent now is sent the next time
            send_waiting(get_settings().results_dir, client)
        page = client.jobs(
            taskset=taskset, status=status, search=search, limit=limit, offset=offset
        )
    if as_json:
        console.data(json.dumps(page.model_dump(mode="json"), indent=2))
        return 0
    if page.items:
        console.plain(_table([HEADERS, *(_row(view) for view in page.items)]))
    shown = offset + len(page.items)
    if shown < page.total:
        console.note(f"{page.total - shown} more: hud jobs --offset {shown}")
    if not page.total:
        console.note("no job fits")
    return 0


def _row(view: JobView) -> tuple[str, ...]:
    job, totals = view.job, view.totals
    return (
        job.id,
        job.status,
        f"{job.created_at:%Y-%m-%d %H:%M}",
        job.name,
        ", ".join(variant.name for variant in job.variants),
        f"{totals.ended}/{totals.expected}",
        "" if totals.mean is None else f"{totals.mean:.2f}",
        str(totals.failed or ""),
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
             for row in rows)  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)

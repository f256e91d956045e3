"""`hud cancel`: end evaluations that run at the controller."""

from __future__ import annotations

from typing import Annotated

import typer

from hud.cli import console
from hud.cli.asking import agreed
from hud.cli.recorded import find_recorded
from hud.client import Client
from hud.errors import UserError

EXAMINATION = "debug-"
"""What the ids of examinations begin with."""


def cancel(
    job: Annotated[
        str | None, typer.Argument(help="A job's id or its beginning, or an examination's id.")
    ] = None,
    rollout: Annotated[str | None, typer.Option(help="End only this rollout.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="End every job that runs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> int:
    """End a job or an examination that runs at the controller; what it finished stays.

    `--rollout` ends one rollout of it, `--all` every job that runs there.
    """
    if (job is None) != everything or (everything and rollout):
        raise UserError("name a job, or give --all", hint="hud jobs --status running lists them")
    with Client() as client:
        if job is None:
            return _cancel_all(client, yes)
        if job.startswith(EXAMINATION) and rollout is None:
            client.cancel_debug_run(job)
            console.note(f"✓ {job} is cancelled")
            return 0
        found = find_recorded(client, job).job.id
        if rollout is not None:
            client.cancel_rollout(found, rollout)
            console.note(f"✓ rollout {rollout} of {found} is cancelled")
            return 0
        if not agreed(f"end job {found}?", yes=yes):
            return 1
        totals = client.cancel_job(found).totals
    console.note(f"✓ {found} is cancelled; {totals.ended} of {totals.expected} rollouts had ended")
    return 0


def _cancel_all(client: Client, yes: bool) -> int:
    running = client.jobs(status="running", limit=1000).items
    ours = [view.job.id for view in running if view.is_remote]
    if not ours:
        console.note("no job runs at the controller")
        return 0
    if not agreed(f"end {len(ours)} job{'s'[: len(ours) != 1]} ({', '.join(ours[:5])})?", yes=yes):
        return 1
    for job in client.cancel_all_jobs().jobs:
        console.note(f"✓ {job} is cancelled")
    return 0

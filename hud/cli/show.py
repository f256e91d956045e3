"""`hud show`: print an evaluation that was run before, or one rollout of it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hud.cli import console
from hud.cli.recorded import find_recorded, recorded_rollouts
from hud.client import Client
from hud.errors import ControllerUnavailable, UserError
from hud.eval.journal import find_job, read_job, read_rollouts, read_transcript
from hud.eval.summary import Summary, render
from hud.settings import get_settings
from hud.types import TraceStep
from hud.wire import JobRecord, RolloutRecord, Transcript


def show(
    job: Annotated[
        str | None, typer.Argument(help="A job's id or its beginning; the newest one if left out.")
    ] = None,
    rollout: Annotated[str | None, typer.Option(help="Show this rollout's transcript.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Show an evaluation that was run before, here or at the controller."""
    try:
        folder = find_job(get_settings().results_dir, job)
    except UserError as missing:
        return _show_recorded(job, rollout, as_json, missing)
    if rollout is not None:
        return _show_rollout(read_transcript(folder, rollout), as_json)
    return _show_job(read_job(folder), list(read_rollouts(folder)), as_json)


def _show_recorded(job: str | None, rollout: str | None, as_json: bool, missing: UserError) -> int:
    """Show what the controller has of a job that is not here."""
    with Client() as client:
        try:
            found = find_recorded(client, job).job
        except ControllerUnavailable:
            raise missing from None
        if rollout is not None:
            return _show_rollout(client.transcript(found.id, rollout), as_json)
        return _show_job(found, list(recorded_rollouts(client, found.id)), as_json)


def _show_job(record: JobRecord, rollouts: list[RolloutRecord], as_json: bool) -> int:
    if as_json:
        exported = record.model_dump(mode="json", exclude_none=True)
        exported["rollouts"] = [item.model_dump(mode="json") for item in rollouts]
        console.data(json.dumps(exported, indent=2))
        return 0
    took = f", {record.seconds:.1f} s" if record.seconds is not None else ""
    agents = ", ".join(variant.name for variant in record.variants)
    console.note(
        f"{record.name} with {agents}, {record.created_at:%Y-%m-%d %H:%M} UTC, "
        f"{record.status}{took}"
    )
    for variant in record.variants:
        if len(record.variants) > 1:
            console.plain(f"\n  {variant.name}")
        own = [rollout for rollout in rollouts if rollout.variant == variant.name]
        console.plain(render(Summary.of(record.tasks, own, record.pass_threshold)))
    return 0


def _show_rollout(transcript: Transcript, as_json: bool) -> int:
    if as_json:
        console.data(json.dumps(transcript.model_dump(mode="json"), indent=2))
        return 0
    for line in _document(transcript):
        console.plain(line)
    return 0


def _document(transcript: Transcript) -> list[str]:
    record = transcript.rollout
    outcome = (
        f"reward {record.reward:g}"
        if record.reward is not None
        else f"{record.boundary}: {record.error}"
    )
    lines = [f"{record.id}  {record.status}  {outcome}  ({record.seconds:.2f} s)", ""]
    lines += [_line(step) for step in transcript.steps]
    if transcript.log:
        lines += ["", "environment log:", transcript.log.rstrip()]
    if transcript.detail:
        lines += ["", transcript.detail.rstrip()]
    return lines


def _line(step: TraceStep) -> str:
    ending = step.error or step.result
    text = (
        ending if isinstance(ending, str) else json.dumps(ending, ensure_ascii=False, default=str)
    )
    return f"{step.started:8.3f}s {step.kind:<12} {step.name:<20} {text[:300]}"

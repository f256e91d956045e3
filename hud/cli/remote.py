"""`hud eval --remote`: the controller runs the evaluation, this process follows it."""

from __future__ import annotations

from pathlib import Path

from hud.cli import console
from hud.cli.progress import Progress
from hud.cli.recorded import recorded_rollouts
from hud.cli.reports import Reports
from hud.client import Client, Refused
from hud.errors import ControllerUnavailable, UserError
from hud.eval.config import EvalConfig
from hud.eval.job import Finished, Started
from hud.eval.summary import Summary, render
from hud.wire import JobRequest, JobView, RolloutRecord, Variant
from hud.wire.platform import EventRecord

INTERRUPTED = 130
NOT_FOUND = 404
LOST_SECONDS = 60.0
"""How long a controller that went away is waited for."""


def run_remotely(options: EvalConfig, agent: str, reports: Reports) -> int:
    """Have the controller run an evaluation, and follow it; the exit status.

    Raises:
        UserError: the controller refuses it.
        ControllerUnavailable: it does not answer.
    """
    source = options.source or ""
    with Client() as client:
        newest = client.newest_event()
        try:
            view = client.start_job(_request(options, agent))
        except Refused as exc:
            if exc.status == NOT_FOUND and Path(source).exists():
                hint = f"upload its tasks: hud sync tasks NAME {source}"
                raise UserError(f"{exc.message}, only a file", hint=hint) from exc
            raise
        job = view.job.id
        if not options.quiet:
            console.note(f"job {job} runs at {client.url}")
        try:
            with Progress(quiet=options.quiet, verbose=options.verbose) as progress:
                _follow(client, view, newest, progress)
        except KeyboardInterrupt:
            ways = f"`hud show {job}` shows it, `hud cancel {job}` ends it"
            console.note(f"job {job} goes on: {ways}")
            return INTERRUPTED
        except ControllerUnavailable as exc:
            console.warn(f"{exc.message}; job {job} goes on when it is back: `hud show {job}`")
            return 1
        return _report(client, job, options, reports)


def _request(options: EvalConfig, agent: str) -> JobRequest:
    if options.steps < 0:
        raise UserError("a remote evaluation needs a bound: --max-steps N")
    if "isolation" in options.model_fields_set:
        told = "the controller gives every rollout an instance of its own"
        raise UserError(f"--isolation does not go with --remote: {told}")
    tools = {
        "allowed_tools": options.allowed_tools,
        "disallowed_tools": options.disallowed_tools,
    }
    given = {name: patterns for name, patterns in tools.items() if patterns is not None}
    variant = Variant(
        name=options.model or agent,
        agent=agent,
        model=options.model,
        parameters={**options.options, **given},
    )
    return JobRequest(
        source=options.source or "",
        environment=options.environment,
        agents=[variant],
        task_ids=options.task_ids,
        full=not options.only_first,
        group_size=options.group_size,
        max_steps=options.steps,
        max_concurrent=options.max_concurrent,
        timeout=options.timeout,
        seed=options.seed,
        pass_threshold=options.pass_threshold,
        cache=options.cache,
    )


def _follow(client: Client, view: JobView, newest: int, progress: Progress) -> None:
    """Show a job's rollouts as they end, until it ends."""
    job, total = view.job, view.totals.expected
    progress.show(Started(job, Path(), total, None))
    done = 0
    for event in client.events(newest, kinds=("job", "rollout"), patience=LOST_SECONDS):
        if event.kind == "rollout" and event.data.get("job") == job.id:
            done += 1
            progress.show(Finished(_record(event), done, total))
        elif event.kind == "job" and event.subject == job.id:
            if event.data.get("reason"):
                console.warn(f"job {job.id}: {event.data['reason']}")
            if event.data.get("status") != "running":
                return


def _record(event: EventRecord) -> RolloutRecord:
    """As much of a rollout as its event tells."""
    data = event.data
    return RolloutRecord(
        id=event.subject,
        job_id=data["job"],
        task=data["task"],
        variant=data["variant"],
        index=data.get("index", 0),
        status=data["status"],
        reward=data.get("reward"),
        boundary=data.get("boundary"),
        error=data.get("error"),
        started_at=event.at,
        seconds=data.get("seconds", 0.0),
        model_calls=data.get("model_calls", 0),
        tool_calls=data.get("tool_calls", 0),
    )


def _report(client: Client, job_id: str, options: EvalConfig, reports: Reports) -> int:
    view = client.job(job_id)
    records = list(recorded_rollouts(client, job_id))
    job = view.job
    summary = Summary.of(job.tasks, records, job.pass_threshold)
    console.plain(render(summary))
    if not options.quiet:
        console.note(f"results: {client.url}   (hud show {job_id})")
    reports.write(job, records)
    if view.job.status == "cancelled":
        console.note("cancelled: the table holds the rollouts that had ended")
    return 0 if view.totals.scored == view.totals.expected else 1

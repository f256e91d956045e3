"""`hud eval`: run tasks with an agent, show the reward table, write the results folder."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from hud.cli import console
from hud.cli.building import tell_step
from hud.cli.preflight import diagnosed
from hud.cli.progress import Progress
from hud.cli.reports import Reports
from hud.errors import StartFailure, UserError
from hud.eval.config import EvalConfig, load_config
from hud.eval.gateway import GatewayPlace
from hud.eval.job import Job, Offered, Started, list_tasks
from hud.eval.journal import read_job, read_rollouts
from hud.eval.loading import FILES, load_tasks
from hud.eval.recording import Recording, begin
from hud.eval.summary import render
from hud.eval.taskset import choose
from hud.runtime.local import LocalRuntime
from hud.settings import controller_token, get_settings

SOURCES = ("tasks.py", "tasks", "task.py", "tasks.json", "tasks.jsonl")
"""Where tasks are looked for when no source is given."""
OWN_DESCRIPTORS = 48
ROLLOUT_DESCRIPTORS = 6
"""A rollout's socket and pipe, its provider's connection, and the file that records it."""


def evaluate(
    source: Annotated[
        str | None,
        typer.Argument(help="File or folder with tasks (.py, .json, .jsonl), or a taskset."),
    ] = None,
    agent: Annotated[
        str | None, typer.Argument(help="An agent or a model: claude, oracle, gpt-5.4, …")
    ] = None,
    all_tasks: Annotated[
        bool, typer.Option("--all", help="Run every task, not only the first.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="--all, with up to 100 steps a rollout.")
    ] = False,
    task_ids: Annotated[
        str | None, typer.Option(help="Run these slugs, separated by commas.")
    ] = None,
    group_size: Annotated[
        int | None, typer.Option("--group-size", "--group", help="Runs of each task.")
    ] = None,
    max_concurrent: Annotated[int | None, typer.Option(help="Rollouts at a time (30).")] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Model calls of one rollout (10); -1: no bound.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The agent's model.")] = None,
    config: Annotated[
        list[str] | None, typer.Option("--config", "-c", help="Option of the agent, KEY=VALUE.")
    ] = None,
    allowed_tools: Annotated[
        str | None, typer.Option(help="Only these tools (patterns, commas).")
    ] = None,
    disallowed_tools: Annotated[
        str | None, typer.Option(help="Not these tools (patterns, commas).")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds that one rollout may take.")
    ] = None,
    isolation: Annotated[
        str | None, typer.Option(help="fork (default), spawn, shared or container.")
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="Seed the random generators of each rollout.")
    ] = None,
    pass_threshold: Annotated[
        float | None, typer.Option(help="Reward from which a run passes (1.0).")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write job and rollouts as JSON.")
    ] = None,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write a JUnit report.")
    ] = None,
    remote: Annotated[
        bool, typer.Option("--remote", help="Run at the controller; survives this terminal.")
    ] = False,
    environment: Annotated[
        str | None, typer.Option("--env", help="--remote, with all tasks in this environment.")
    ] = None,
    taskset: Annotated[
        str | None, typer.Option(help="Record the job under this taskset of the controller.")
    ] = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="Ask models through the controller, with its keys.")
    ] = False,
    cache: Annotated[
        bool, typer.Option("--cache", help="--gateway, and repeated requests get the same answer.")
    ] = False,
    list_only: Annotated[bool, typer.Option("--list", help="List the tasks, run nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every rollout's steps.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show the table only.")] = False,
) -> int:
    """Run tasks with an agent and show their rewards.

    Without --all, --full or --task-ids only the first task runs. Exit status: 0 every rollout was
    scored, 1 one failed, 2 wrong usage, 130 interrupted.
    """
    given = {
        "source": source,
        "agent": agent,
        "all": all_tasks or None,
        "full": full or None,
        "task_ids": _ids(task_ids),
        "group_size": group_size,
        "max_concurrent": max_concurrent,
        "max_steps": max_steps,
        "model": model,
        "allowed_tools": _split(allowed_tools),
        "disallowed_tools": _split(disallowed_tools),
        "timeout": timeout,
        "isolation": isolation,
        "seed": seed,
        "pass_threshold": pass_threshold,
        "remote": remote or None,
        "environment": environment,
        "taskset": taskset,
        "gateway": gateway or None,
        "cache": cache or None,
        "verbose": verbose or None,
        "quiet": quiet or None,
    }
    options = load_config(given, config or [], Path.cwd())
    options = options.model_copy(update={"source": options.source or _default_source(options)})
    if list_only and not options.remote:
        return _list(options)
    reports = Reports(json_file, junit_file)
    reports.check_writable()
    agent = choose_agent(options, ask=not yes)
    if options.remote:
        from hud.cli.remote import run_remotely  # noqa: PLC0415 - few need the HTTP client

        return run_remotely(options, agent, reports)
    return asyncio.run(_run(_job(options, agent), reports))


def _job(options: EvalConfig, agent: str) -> Job:
    if options.environment is not None:
        told = "--env goes with --remote; here, each task is played in its own environment"
        raise UserError(told, hint=f"hud eval TASKSET --remote --env {options.environment}")
    fitting = _fitting(options.max_concurrent)
    options = options.model_copy(update={"max_concurrent": fitting})
    return Job(
        options,
        agent,
        command=["hud", *sys.argv[1:]],
        building=None if options.quiet else tell_step,
        offered=_offered(str(options.source)),
        gateway=_gateway(options),
    )


def _offered(source: str) -> Offered | None:
    """The tasks of a taskset; None for what is, or looks like, a file."""
    path = Path(source)
    if path.exists() or path.suffix in FILES or controller_token() is None:
        return None
    return Offered(load_tasks(source), LocalRuntime())


def _gateway(options: EvalConfig) -> GatewayPlace | None:
    """The controller's model gateway, where it was asked for.

    Raises:
        UserError: this machine knows no controller.
    """
    if not (options.gateway or options.cache):
        return None
    token = controller_token()
    if token is None:
        told = "there is no controller whose gateway could be used"
        raise UserError(told, hint="start one: ./scripts/up.sh")
    return GatewayPlace(get_settings().controller_url, token, use_cache=options.cache)


def _split(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]


def _ids(text: str | None) -> list[str] | None:
    found = _split(text)
    if found == []:
        raise UserError("--task-ids names no task", hint="list them with `hud eval --list`")
    return found


def _fitting(concurrent: int) -> int:
    """How many rollouts at a time the limit of open files allows, raised as far as need be."""
    needed = OWN_DESCRIPTORS + concurrent * ROLLOUT_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return concurrent
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    fitting = max(1, min(concurrent, (limit - OWN_DESCRIPTORS) // ROLLOUT_DESCRIPTORS))
    if fitting < concurrent:
        console.warn(f"{fitting} rollouts run at a time: no more than {limit} files may be open")
    return fitting


def _default_source(options: EvalConfig) -> str:
    if options.remote:
        raise UserError("--remote needs the name of a taskset", hint="hud eval TASKSET --remote")
    for name in SOURCES:
        if Path(name).exists():
            return name
    raise UserError("there is no tasks.py and no tasks folder here", hint="hud eval PATH")


def _list(config: EvalConfig) -> int:
    source = config.source or "."
    offered = _offered(source)
    if offered is not None:
        tasks = choose(offered.tasks, source, only_first=False, task_ids=config.task_ids)
    else:
        tasks = list_tasks(source, config.task_ids)
    for task in tasks:
        arguments = ", ".join(f"{name}={value!r}" for name, value in (task.args or {}).items())
        console.data(f"{task.key:<24}  {task.scenario_name}({arguments})")
    return 0


def choose_agent(config: EvalConfig, *, ask: bool) -> str:
    """The agent that was asked for; else a person's choice, else the one whose key is set.

    Raises:
        UserError: nobody can choose, and no key is set.
    """
    from hud.agents.catalog import AGENTS, available  # noqa: PLC0415 - listing tasks needs no agent

    if config.agent or config.model:
        return config.agent or str(config.model)
    if ask and console.is_terminal(sys.stdin) and console.is_terminal(sys.stderr):
        return _ask(list(AGENTS))
    with_key = available()
    if with_key:
        return with_key[0]
    names = ", ".join(f"`{name}`" for name in AGENTS)
    raise UserError(
        f"no agent is named and no provider's key is set; the agents are {names}",
        hint=f"hud eval {config.source} oracle",
    )


def _ask(names: list[str]) -> str:
    from hud.agents.catalog import AGENTS  # noqa: PLC0415 - as above

    for number, name in enumerate(names, start=1):
        console.note(f"  {number}  {name:<18} {AGENTS[name].description}")
    chosen = typer.prompt("Agent", default=names[0], err=True)
    return (
        names[int(chosen) - 1]
        if chosen.isdecimal() and 0 < int(chosen) <= len(names)
        else str(chosen)
    )


async def _run(job: Job, reports: Reports) -> int:
    """Run the job, interruptible; print what there is, whole or partial."""
    task = asyncio.current_task()
    assert task is not None
    interrupted: list[int] = []

    def interrupt(number: int) -> None:
        interrupted.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt, number)
    folder: Path | None = None
    recording: Recording | None = None
    with Progress(quiet=job.config.quiet, verbose=job.config.verbose) as progress:
        try:
            async for event in job.events():
                if isinstance(event, Started):
                    folder = event.folder
                    recording = _record(job, folder)
                progress.show(event)
        except asyncio.CancelledError:
            if not interrupted:
                raise
        except StartFailure as failure:
            if job.config.isolation != "container":
                raise
            raise await diagnosed(failure, job.config.source or ".") from failure
    _report(job, folder)
    if folder is not None and reports.are_wanted:
        reports.write(read_job(folder), list(read_rollouts(folder)))
    if recording is not None and recording.finish() == "partly" and not job.config.quiet:
        console.note("the controller does not have all of it yet: the next `hud eval` sends it")
    if interrupted:
        what = "the table holds the rollouts that had ended" if folder else "nothing had run yet"
        console.note(f"interrupted: {what}")
        return 128 + interrupted[0]
    return 1 if job.summary.failed else 0


def _record(job: Job, folder: Path) -> Recording | None:
    """Have the controller hear of the job, where this machine knows one."""
    return begin(folder.parent.parent, job.id, job.config.taskset)


def _report(job: Job, folder: Path | None) -> None:
    if folder is None:
        return
    summary = job.summary
    console.plain(render(summary))
    for path in job.shared_files:
        console.warn(
            f"rollouts wrote {path} at the same time, so that their rewards may be wrong: "
            "--max-concurrent 1, or --isolation container"
        )
    for scenario in sorted(summary.outside):
        console.warn(f"scenario `{scenario}` gave rewards outside [0, 1]; they count as they are")
    if summary.limited:
        console.warn(
            f"{summary.limited} runs used up their steps; they were graded without an answer"
        )
    if not job.config.quiet:
        console.note(f"results: {folder}   (hud show {folder.name})")

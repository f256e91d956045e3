"""One evaluation: tasks × group, played by an agent, recorded as it goes. Yields events; prints
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hud.agents.agent import MCPAgent
from hud.agents.catalog import create_agent, resolve
from hud.eval.apart import collect_apart
from hud.eval.config import EvalConfig
from hud.eval.context import EvalContext
from hud.eval.gateway import GatewayPlace
from hud.eval.journal import Journal, new_job_id
from hud.eval.rollout import Outcome, Play, Rollout
from hud.eval.runner import run_rollouts
from hud.eval.summary import Summary
from hud.eval.taskset import choose, collect_runnable, find_source
from hud.runtime.local import LocalRuntime
from hud.runtime.runtime import Runtime
from hud.runtime.worker import Source, WorkerRuntime
from hud.settings import get_settings, machine_memory
from hud.task import Task
from hud.wire import JobRecord, JobStatus, RolloutRecord, Variant

if TYPE_CHECKING:
    from hud.containers.contract import Progress

RUNNABLE_TASKS = "hud.eval.taskset:collect_runnable"
"""Loads a source's tasks and refuses those that have no environment here."""


@dataclass(frozen=True)
class Offered:
    """Tasks that come from no file, and what plays them."""

    tasks: list[Task]
    runtime: Runtime


@dataclass(frozen=True)
class Started:
    """The tasks are known and the first rollout is about to start."""

    job: JobRecord
    folder: Path
    total: int
    """Rollouts that will run."""
    hazard: str | None
    """Why rollouts are spawned although forking was asked for."""


@dataclass(frozen=True)
class Finished:
    """One rollout ended."""

    record: RolloutRecord
    done: int
    total: int


@dataclass
class Job:
    """A configured evaluation, run once by iterating over `events()`."""

    config: EvalConfig
    agent: str
    """Name of an agent or a model."""
    command: list[str] = field(default_factory=list)
    results: Path | None = None
    """Folder for results; the setting's by default."""
    building: Progress | None = None
    """Hears of the image's build, where rollouts run in containers."""
    offered: Offered | None = None
    """What is played instead of the source's file."""
    gateway: GatewayPlace | None = None
    """Whom agents ask for models; None: the providers themselves."""
    id: str = field(default_factory=new_job_id)
    summary: Summary = field(default_factory=Summary)
    shared_files: list[str] = field(default_factory=list)
    """Files that rollouts wrote at the same time, although each had a process of its own."""
    status: JobStatus = "running"

    async def events(self) -> AsyncGenerator[Started | Finished, None]:
        """Load, run and record; the summary grows along.

        However the iteration ends, instances are stopped and the job's state is written.

        Raises:
            UserError: the source, the agent or an option cannot be used; nothing has run then.
        """
        runtime, loading = await self._begin_loading()
        try:
            player = create_agent(self.agent, **self._agent_options())
            tasks = await loading
            async with aclosing(self._run(runtime, tasks, player)) as events:
                async for event in events:
                    yield event
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
            await runtime.aclose()

    async def _begin_loading(self) -> tuple[Runtime, asyncio.Task[list[Task]]]:
        """Import the source in the background, while this process imports the agent's packages."""
        config = self.config
        source = config.source or "."
        arguments = {"source": source, "only_first": config.only_first, "task_ids": config.task_ids}
        if self.offered is not None:
            return self.offered.runtime, asyncio.create_task(_chosen_of(self.offered, arguments))
        find_source(source)
        if config.isolation == "shared":
            return LocalRuntime(), asyncio.create_task(_collect_here(arguments))
        if config.isolation == "container":
            # MCP's client and the engine's door are loaded only where rollouts need them.
            from hud.eval.contained import load, runtime_for  # noqa: PLC0415

            contained = runtime_for(source, self.building)
            return contained, asyncio.create_task(load(contained, arguments, config.group_size))
        settings = get_settings()
        runtime = WorkerRuntime(
            Source(RUNNABLE_TASKS, arguments),
            isolation=config.isolation,
            timeout=settings.client_timeout,
            memory=settings.rollout_memory or machine_memory() // 2,
        )
        return runtime, asyncio.create_task(runtime.load())

    def _agent_options(self) -> dict[str, Any]:
        config = self.config
        chosen = {
            "model": config.model,
            "allowed_tools": config.allowed_tools,
            "disallowed_tools": config.disallowed_tools,
        }
        asked = self.gateway.options(self.agent, config.model, self.id) if self.gateway else {}
        return {
            **config.options,
            **{name: value for name, value in chosen.items() if value is not None},
            **asked,
        }

    async def _run(
        self, runtime: Runtime, tasks: list[Task], player: MCPAgent
    ) -> AsyncGenerator[Started | Finished, None]:
        job = self._record(tasks)
        self.summary = Summary.of(job.tasks, (), job.pass_threshold)
        journal = Journal.create(self.results or get_settings().results_dir, job)
        total = len(tasks) * job.group
        began = asyncio.get_running_loop().time()
        try:
            yield Started(job, journal.folder, total, getattr(runtime, "hazard", None))
            rollouts = _rollouts(job, tasks, self._play(player), self.config.timeout)
            concurrency = min(self.config.max_concurrent, total)
            async with aclosing(
                run_rollouts(rollouts, runtime, concurrency=concurrency)
            ) as outcomes:
                async for outcome in outcomes:
                    yield self._keep(outcome, journal, total)
            self.status = "finished"
        finally:
            if self.status != "finished":
                self.status = "cancelled"
            if isinstance(runtime, WorkerRuntime):
                self.shared_files = runtime.shared_files()
            seconds = asyncio.get_running_loop().time() - began
            journal.finish(job.model_copy(update={"status": self.status, "seconds": seconds}))

    def _keep(self, outcome: Outcome, journal: Journal, total: int) -> Finished:
        journal.add(outcome.transcript)
        self.summary.add(outcome.record)
        return Finished(outcome.record, self.summary.ended, total)

    def _play(self, player: MCPAgent) -> Play:
        steps = self.config.steps

        async def play(context: EvalContext) -> None:
            await player.run(context, max_steps=steps)

        return play

    def _record(self, tasks: list[Task]) -> JobRecord:
        config = self.config
        agent, model = resolve(self.agent, config.model)
        source = config.source or "."
        return JobRecord(
            id=self.id,
            name=Path(source).name if self.offered else Path(source).resolve().name,
            source=source,
            command=self.command,
            variants=[
                Variant(name=model or agent, agent=agent, model=model, parameters=config.options)
            ],
            tasks=[task.key for task in tasks],
            group=config.group_size,
            max_steps=config.steps,
            isolation=config.isolation,
            seed=config.seed,
            pass_threshold=config.pass_threshold,
            created_at=datetime.now(UTC),
        )


async def _chosen_of(offered: Offered, arguments: dict[str, Any]) -> list[Task]:
    return choose(offered.tasks, **arguments)


async def _collect_here(arguments: dict[str, Any]) -> list[Task]:
    return collect_runnable(**arguments)


def _rollouts(
    job: JobRecord, tasks: list[Task], play: Play, timeout: float | None
) -> Iterator[Rollout]:
    variant = job.variants[0].name
    for task in tasks:
        for index in range(job.group):
            yield Rollout(job.id, task, variant, index, play, timeout=timeout, seed=job.seed)


def list_tasks(source: str, task_ids: list[str] | None = None) -> list[Task]:
    """The tasks of a source as data, found in a process of its own.

    Raises:
        UserError: the source cannot be used.
    """
    return asyncio.run(collect_apart({"source": source, "task_ids": task_ids}))

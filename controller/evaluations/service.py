"""Evaluations that the controller runs in the background, for clients that may come and go.

1. A job is accepted once its tasks are known and its plan is on disk; then it runs by itself.
2. A rollout is written when it ends, once; what was written is never played again.
3. Stopping the controller, in whatever way, stops no job: the next start goes on with its plan.
   Only cancelling ends it early.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from controller.errors import Conflict, NotFound
from controller.evaluations.plan import Plan, PlanFolder, new_plan
from controller.evaluations.players import check_variants, create_plays
from controller.evaluations.runtimes import EnvironmentDoor, runtimes_for
from controller.evaluations.sources import TasksetStore, find_tasks
from hud.errors import HudError, UserError, describe, did_you_mean
from hud.eval.gateway import GatewayPlace
from hud.eval.runner import Controls, run_rollouts
from hud.wire import JobRecord, JobRequest, JobStatus, JobView, Transcript
from hud.wire.platform import EventRecord, Page

logger = logging.getLogger(__name__)

SLOTS_PER_PROCESSOR = 16
PAGE = 500
BY_USER = "cancelled by a user"


class EvaluationStore(TasksetStore, Protocol):
    """What evaluations ask of the store."""

    async def add_job(
        self, job: JobRecord, *, taskset: str | None = None, is_remote: bool = False
    ) -> Any: ...

    async def finish_job(self, id: str, status: JobStatus, seconds: float | None) -> Any: ...

    async def job(self, id: str) -> JobView: ...

    async def jobs(
        self, *, status: JobStatus | None = None, offset: int = 0, limit: int = 50
    ) -> Page[JobView]: ...

    async def add_rollout(self, transcript: Transcript) -> Any: ...

    async def ended_ids(self, job: str) -> set[str]: ...

    async def lost_ids(self, job: str) -> set[str]: ...

    async def add_event(self, kind: str, subject: str, data: dict[str, Any]) -> EventRecord: ...


class Running:
    """A job that is being played."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.controls = Controls()
        self.task: asyncio.Task[None]
        self.is_cancelled = False


class Evaluations:
    """Starts, cancels, repeats and continues evaluations. `aclose()` interrupts what runs."""

    def __init__(
        self,
        folder: Path,
        store: EvaluationStore,
        environments: EnvironmentDoor,
        gateway: GatewayPlace,
        *,
        slots: int | None = None,
        cover: Callable[[Transcript], Transcript] = lambda transcript: transcript,
    ) -> None:
        """`folder` keeps the plans; `slots` is how many rollouts run at a time over all jobs;
        `cover` takes secrets out of what is stored.
        """
        self._plans = PlanFolder(folder)
        self._store = store
        self._environments = environments
        self._gateway = gateway
        self._cover = cover
        self._slots = asyncio.Semaphore(slots or SLOTS_PER_PROCESSOR * (os.cpu_count() or 1))
        self._running: dict[str, Running] = {}

    async def start(self, request: JobRequest) -> JobView:
        """Accept an evaluation and let it run in the background.

        Raises:
            NotFound: there is no such source.
            UserError: a task or an agent is unknown, or the tasks cannot be read.
        """
        check_variants(request)
        found = await find_tasks(request, self._store, self._environments)
        plan = new_plan(request, found.tasks, taskset=found.taskset, environment=found.environment)
        return await self._accept(plan)

    async def rerun(self, job_id: str) -> JobView:
        """Go on with a job that has ended: play again what failed, and what never ran.

        Raises:
            NotFound: there is no such job, or it ran somewhere else.
            Conflict: it still runs, or all its rollouts have a reward.
        """
        view = await self._store.job(job_id)
        if view.job.status == "running":
            raise Conflict(f"job `{job_id}` still runs", hint=f"hud cancel {job_id}")
        totals = view.totals
        if totals.scored >= totals.expected:
            raise Conflict(f"all rollouts of job `{job_id}` have a reward")
        plan = await asyncio.to_thread(self._plans.read, job_id)
        plan = plan.model_copy(update={"again": sorted(await self._store.lost_ids(job_id))})
        return await self._accept(plan)

    async def cancel(self, job_id: str) -> JobView:
        """End a job; rollouts that have ended stay.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended, or does not run here.
        """
        running = await self._found(job_id)
        running.is_cancelled = True
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)
        if self._running.pop(job_id, None) is not None:  # it had not even begun
            await self._end(running.plan.job, "cancelled", reason=BY_USER)
        return await self._store.job(job_id)

    async def cancel_rollout(self, job_id: str, rollout_id: str) -> None:
        """Have one rollout of a job end as cancelled.

        Raises:
            NotFound: there is no such job, or no such rollout in it.
            Conflict: it has ended, or the job does not run here.
        """
        running = await self._found(job_id)
        plays = dict.fromkeys((item.name for item in running.plan.job.variants), _no_play)
        known = {rollout.id for rollout in running.plan.remaining(plays, ())}
        if rollout_id not in known:
            raise NotFound(
                f"job `{job_id}` has no rollout `{rollout_id}`",
                hint=did_you_mean(rollout_id, sorted(known)) or f"hud show {job_id} lists them",
            )
        if rollout_id in await self._store.ended_ids(job_id):
            raise Conflict(f"rollout `{rollout_id}` has ended")
        running.controls.cancel(rollout_id)

    async def cancel_all(self) -> list[str]:
        """End every job that runs here; their ids."""
        ids = list(self._running)
        for job_id in ids:
            with contextlib.suppress(Conflict):
                await self.cancel(job_id)
        return ids

    async def resume(self) -> list[str]:
        """Go on with the jobs that the last process left; their ids. One whose plan is lost, or
        whose agents can no longer be made, ends as cancelled.
        """
        resumed: list[str] = []
        for view in await self._unfinished():
            try:
                plan = self._plans.read(view.job.id)
            except UserError as exc:
                await self._end(view.job, "cancelled", reason=exc.message)
                continue
            self._launch(plan)
            resumed.append(view.job.id)
        return resumed

    def forget_before(self, moment: datetime) -> None:
        """Forget the plans of jobs that ended and were begun before that."""
        self._plans.drop_before(moment, keep=self._running)

    async def aclose(self) -> None:
        """Interrupt all jobs; they go on when the controller starts again."""
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _unfinished(self) -> list[JobView]:
        first = await self._store.jobs(status="running", offset=0, limit=PAGE)
        views = list(first.items)
        while len(views) < first.total:
            more = await self._store.jobs(status="running", offset=len(views), limit=PAGE)
            if not more.items:
                break
            views += more.items
        return [view for view in views if view.is_remote and view.job.id not in self._running]

    async def _found(self, job_id: str) -> Running:
        view = await self._store.job(job_id)
        running = self._running.get(job_id)
        if running is None:
            state = "does not run here" if view.job.status == "running" else "has ended"
            raise Conflict(f"job `{job_id}` {state}")
        return running

    async def _accept(self, plan: Plan) -> JobView:
        await asyncio.to_thread(self._plans.keep, plan)
        await self._store.add_job(plan.job, taskset=plan.taskset, is_remote=True)
        self._launch(plan)
        return await self._store.job(plan.job.id)

    def _launch(self, plan: Plan) -> None:
        running = Running(plan)
        self._running[plan.job.id] = running
        running.task = asyncio.create_task(self._supervise(running))

    async def _supervise(self, running: Running) -> None:
        """Play a job; however that ends, say so in the store, unless it is to go on later."""
        job = running.plan.job
        try:
            await self._play(running)
        except asyncio.CancelledError:
            if running.is_cancelled:
                await _uninterrupted(self._end(job, "cancelled", reason=BY_USER))
            raise
        except HudError as exc:
            await self._end(job, "cancelled", reason=exc.message)
        except Exception as exc:  # a bug of ours ends this job, and no other
            logger.exception("job %s", job.id)
            await self._end(job, "cancelled", reason=describe(exc))
        else:
            await self._end(job, "finished")
        finally:
            if self._running.get(job.id) is running:  # it may have been begun again by now
                del self._running[job.id]

    async def _play(self, running: Running) -> None:
        plan = running.plan
        ended = await self._ended(plan)
        plays = await create_plays(plan.request, plan.job.id, self._gateway)
        runtime = runtimes_for(self._environments, plan.found_tasks(), plan.environment)
        outcomes = run_rollouts(
            plan.remaining(plays, ended),
            runtime,
            concurrency=max(1, min(plan.request.max_concurrent, plan.total - len(ended))),
            controls=running.controls,
            slots=self._slots,
        )
        try:
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    await self._store.add_rollout(self._cover(outcome.transcript))
        finally:
            await _uninterrupted(runtime.aclose())

    async def _ended(self, plan: Plan) -> set[str]:
        """Ids of the rollouts that are not to be played any more."""
        ended = await self._store.ended_ids(plan.job.id)
        if not plan.again:
            return ended
        return ended - (await self._store.lost_ids(plan.job.id) & set(plan.again))

    async def _end(self, job: JobRecord, status: JobStatus, *, reason: str | None = None) -> None:
        seconds = (datetime.now(UTC) - job.created_at).total_seconds()
        await self._store.finish_job(job.id, status, seconds)
        if reason is not None:
            await self._store.add_event("job", job.id, {"status": status, "reason": reason})


async def _no_play(_: Any) -> None:
    """Plays nothing: for rollouts that are only counted."""


async def _uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Finish what has to be finished although this task has been cancelled."""
    await asyncio.shield(asyncio.ensure_future(work))

"""What a remote evaluation has to do. Kept in a file, so that another start of the controller goes
on where this one stopped, and what failed can be played again with the same tasks.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from controller.errors import NotFound
from hud.errors import UserError
from hud.eval.journal import new_job_id
from hud.eval.rollout import Play, Rollout
from hud.task import Task
from hud.wire import JobRecord, JobRequest


class Plan(BaseModel):
    """A job, and what it was asked for."""

    job: JobRecord
    request: JobRequest
    tasks: list[dict[str, Any]]
    """As JSON: a taskset may have changed when the job goes on."""
    taskset: str | None = None
    environment: str = ""
    """Where tasks run that name no environment."""
    again: list[str] = Field(default_factory=list)
    """Ids of rollouts that are played again, as they ended without a reward."""

    def remaining(self, plays: Mapping[str, Play], ended: Collection[str]) -> Iterator[Rollout]:
        """The rollouts of task × variant × group that have not ended."""
        for task in self.found_tasks():
            for variant in self.job.variants:
                for index in range(self.job.group):
                    rollout = Rollout(
                        self.job.id,
                        task,
                        variant.name,
                        index,
                        plays[variant.name],
                        timeout=self.request.timeout,
                        seed=self.job.seed,
                    )
                    if rollout.id not in ended:
                        yield rollout

    def found_tasks(self) -> list[Task]:
        """The tasks, as objects."""
        return [Task(**item) for item in self.tasks]

    @property
    def total(self) -> int:
        """Rollouts that belong to the job."""
        return len(self.tasks) * len(self.job.variants) * self.job.group


def new_plan(
    request: JobRequest, tasks: list[Task], *, taskset: str | None, environment: str
) -> Plan:
    """The plan of a job that plays `tasks` as a request says."""
    job = JobRecord(
        id=new_job_id(),
        name=request.name or request.source,
        source=request.source,
        environment=request.environment,
        variants=request.agents,
        tasks=[task.key for task in tasks],
        group=request.group_size,
        max_steps=request.max_steps,
        isolation="controller",
        seed=request.seed,
        pass_threshold=request.pass_threshold,
        created_at=datetime.now(UTC),
    )
    return Plan(
        job=job,
        request=request,
        tasks=[task.to_json() for task in tasks],
        taskset=taskset,
        environment=environment,
    )


class PlanFolder:
    """The plans of jobs, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, plan: Plan) -> None:
        """Write a plan so that it is there whole or not at all.

        Raises:
            UserError: the folder cannot be written.
        """
        path = self._path(plan.job.id)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8") as file:
                file.write(plan.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as exc:
            raise UserError(f"cannot write {path}: {exc.strerror}") from exc

    def drop_before(self, moment: datetime, *, keep: Collection[str]) -> None:
        """Forget the plans that were written before that, but those to keep."""
        for path in self._folder.glob("*.json"):
            if path.stem not in keep and path.stat().st_mtime < moment.timestamp():
                path.unlink(missing_ok=True)

    def read(self, job_id: str) -> Plan:
        """The plan of a job.

        Raises:
            NotFound: there is none: the job ran somewhere else.
            UserError: it cannot be read.
        """
        try:
            return Plan.model_validate_json(self._path(job_id).read_text(encoding="utf-8"))
        except FileNotFoundError as exc:
            raise NotFound(f"job `{job_id}` was not planned by this controller") from exc
        except (OSError, ValidationError) as exc:
            raise UserError(f"the plan of job `{job_id}` cannot be read") from exc

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"

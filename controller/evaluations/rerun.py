"""What to ask for in order to play again what failed in a job. Pure."""

from __future__ import annotations

from controller.errors import Conflict
from hud.wire import JobRequest, JobResults


def rerun_of(results: JobResults) -> tuple[JobRequest, list[str]]:
    """A request for the tasks of which a rollout failed, and those tasks: each as often as the
    worst of them failed, with the variants that failed.

    Raises:
        Conflict: nothing failed.
    """
    failures = {
        (row.task, row.variant): sum(status == "failed" for status in row.statuses)
        for row in results.tasks
    }
    failed = {pair: count for pair, count in failures.items() if count}
    job = results.view.job
    if not failed:
        raise Conflict(f"no rollout of job `{job.id}` failed")
    variants = {variant for _, variant in failed}
    tasks = {task for task, _ in failed}
    request = JobRequest(
        source=results.view.taskset or job.source,
        agents=[variant for variant in job.variants if variant.name in variants],
        group_size=max(failed.values()),
        max_steps=max(1, job.max_steps),
        name=f"{job.name} (rerun)",
    )
    return request, [task for task in job.tasks if task in tasks]

"""Evaluations as the controller has them, for commands that show or end them."""

from __future__ import annotations

from collections.abc import Iterator

from hud.client import Client, Refused
from hud.errors import UserError, did_you_mean
from hud.wire import JobView, RolloutRecord

PAGE = 1000
NEAR = 50
NOT_FOUND = 404


def find_recorded(client: Client, job: str | None) -> JobView:
    """The job of that id, or whose id alone begins so; the newest one for None.

    Raises:
        UserError: there is none, or more than one.
        ControllerUnavailable: no controller answers.
    """
    if job is None:
        newest = client.jobs(limit=1).items
        if not newest:
            raise UserError("the controller knows no evaluation", hint="run `hud eval` first")
        return client.job(newest[0].job.id)
    try:
        return client.job(job)
    except Refused as exc:
        if exc.status != NOT_FOUND:
            raise
    found = client.jobs(search=job, limit=PAGE).items
    matches = [view for view in found if view.job.id.startswith(job)]
    if len(matches) == 1:
        return client.job(matches[0].job.id)
    known = [view.job.id for view in matches or client.jobs(limit=NEAR).items]
    what = "more than one job" if matches else "no job"
    raise UserError(f"{what} `{job}` is known to the controller", hint=did_you_mean(job, known))


def recorded_rollouts(client: Client, job: str) -> Iterator[RolloutRecord]:
    """All rollouts of a job that have ended, by task."""
    offset = 0
    while True:
        page = client.rollouts(job=job, sort="task", offset=offset, limit=PAGE)
        yield from page.items
        offset += len(page.items)
        if not page.items or offset >= page.total:
            return

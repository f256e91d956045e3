"""What pages read, and for how long it may be shown again. Nothing else speaks to the controller,
but for what a button does.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Literal, Unpack

import streamlit as st

from dashboard.remembering import forget as forget
from dashboard.remembering import remembered
from hud.client import Client
from hud.client.client import JobFilters, RolloutFilters
from hud.errors import UserError
from hud.wire import (
    ComparedTask,
    Comparison,
    JobResults,
    JobTask,
    JobView,
    RolloutRecord,
    Transcript,
)
from hud.wire.models import AgentOffer
from hud.wire.platform import (
    BuildRecord,
    Check,
    DebugRecord,
    EnvironmentRecord,
    EnvironmentVersion,
    Health,
    LogPage,
    Neighbours,
    Offer,
    Page,
    ProviderStatus,
    SecretRecord,
    Storage,
)
from hud.wire.tasksets import TaskRecord, TasksetRecord

Pairs = tuple[tuple[str, str], ...]
LIVE = 1.0
"""Seconds for which what changes by itself is shown again."""
STILL = 10.0
"""Seconds for what rarely changes, or tells when it does."""
MODELS = 300.0
"""Seconds for what providers say."""
LARGEST_FILE = 512 * 1024 * 1024
"""Bytes that a download may have: Streamlit holds them in memory until the browser has them."""
READ_SECONDS = 5.0
"""How long the answer to a read may take."""


def _of_jobs(*_args: object, **_filters: object) -> tuple[str, ...]:
    return ("job",)


def _of_job(job_id: str, *_args: object, **_filters: object) -> tuple[str, ...]:
    return (f"job/{job_id}",)


def _of_rollouts(*, job: str | None = None, **_filters: object) -> tuple[str, ...]:
    return ("job" if job is None else f"job/{job}",)


def _of_debug_runs(run: str | None = None) -> tuple[str, ...]:
    return ("debug" if run is None else f"debug/{run}",)


@st.cache_resource(on_release=Client.close)
def client() -> Client:
    """The controller's client, shared by all sessions."""
    return Client(seconds=READ_SECONDS)


@remembered(STILL)
def health() -> Health:
    """How the controller is."""
    return client().health()


@remembered(STILL)
def doctor() -> list[Check]:
    """What the controller found out about its machine."""
    return client().doctor()


@remembered(STILL)
def storage() -> Storage:
    """How much is stored."""
    return client().storage()


@remembered(STILL)
def providers() -> list[ProviderStatus]:
    """Model providers, and which have a key."""
    return client().providers()


@remembered(MODELS)
def agents() -> list[AgentOffer]:
    """What evaluations can be played with."""
    return client().agents()


@remembered(STILL)
def secrets() -> list[SecretRecord]:
    """Names of the stored secrets."""
    return client().secrets()


@remembered(LIVE)
def environments() -> list[EnvironmentRecord]:
    """All environments."""
    return client().environments()


@remembered(LIVE)
def offer(name: str) -> Offer:
    """What an environment offers."""
    return client().offer(name)


@remembered(LIVE)
def environment_log(name: str, after: int = 0) -> LogPage:
    """An environment's log."""
    return client().environment_log(name, after)


@remembered(STILL)
def versions(name: str) -> list[EnvironmentVersion]:
    """An environment's registered versions."""
    return client().versions(name)


@remembered(LIVE)
def builds(environment: str | None = None) -> list[BuildRecord]:
    """Builds, the newest first."""
    return client().builds(environment).items


@remembered(LIVE)
def build_log(build: str) -> LogPage:
    """What a build printed."""
    return client().build_log(build)


@remembered(STILL, _of_debug_runs)
def debug_runs() -> list[DebugRecord]:
    """Examinations, the newest first."""
    return client().debug_runs()


@remembered(STILL, _of_debug_runs)
def debug_run(run: str) -> DebugRecord:
    """One examination."""
    return client().debug_run(run)


@remembered(LIVE)
def tasksets() -> list[TasksetRecord]:
    """All tasksets."""
    return client().tasksets()


@remembered(LIVE)
def taskset(name: str) -> TasksetRecord:
    """One taskset."""
    return client().taskset(name)


@remembered(LIVE)
def task_page(name: str, columns: Pairs = (), **filters: Any) -> Page[TaskRecord]:
    """One page of a taskset's tasks; `columns` are pairs of a column and the value that it has."""
    return client().task_page(name, columns=dict(columns), **filters)


@remembered(LIVE)
def task(name: str, slug: str) -> TaskRecord:
    """One task in its newest version."""
    return client().task(name, slug)


@remembered(LIVE)
def task_versions(name: str, slug: str) -> list[TaskRecord]:
    """A task's versions, the newest first."""
    return client().task_versions(name, slug)


@remembered(STILL, _of_jobs)
def jobs(**filters: Unpack[JobFilters]) -> Page[JobView]:
    """One page of jobs, the newest first."""
    return client().jobs(**filters)


@remembered(STILL, _of_job)
def job(job_id: str) -> JobView:
    """One job."""
    return client().job(job_id)


@remembered(STILL)
def scored_jobs(taskset: str) -> list[str]:
    """The newest jobs of a taskset that have a reward, the newest first."""
    return [view.job.id for view in client().jobs(taskset=taskset).items if view.totals.scored]


@remembered(STILL, _of_job)
def results(job_id: str) -> JobResults:
    """A job's results."""
    return client().results(job_id)


@remembered(STILL, _of_job)
def job_tasks(job_id: str, columns: Pairs = (), **filters: Any) -> Page[JobTask]:
    """One page of a job's tasks; `columns` as in `task_page`."""
    return client().job_tasks(job_id, columns=dict(columns), **filters)


@remembered(STILL)
def compare(job_ids: tuple[str, ...]) -> Comparison:
    """Jobs side by side."""
    return client().compare(job_ids)


@remembered(STILL)
def compared_tasks(
    job_ids: tuple[str, ...], columns: Pairs = (), **filters: Any
) -> Page[ComparedTask]:
    """One page of the tasks of compared jobs; `columns` as in `task_page`."""
    return client().compared_tasks(job_ids, columns=dict(columns), **filters)


@remembered(STILL, _of_rollouts)
def rollouts(**filters: Unpack[RolloutFilters]) -> Page[RolloutRecord]:
    """One page of rollouts."""
    return client().rollouts(**filters)


def download(job_id: str, format: Literal["csv", "jsonl"]) -> BytesIO:
    """A job's results as a file, for a button that asks for it when it is pressed.

    Raises:
        UserError: it is larger than what the dashboard keeps in memory.
    """
    content = BytesIO()
    for piece in client().export_job(job_id, format):
        content.write(piece)
        if content.tell() > LARGEST_FILE:
            raise UserError("the file is too large for the dashboard", hint=f"hud show {job_id}")
    return content


@remembered(STILL)
def transcript(job_id: str, rollout: str) -> Transcript:
    """What happened in a rollout."""
    return client().transcript(job_id, rollout)


@remembered(STILL)
def neighbours(job_id: str, rollout: str) -> Neighbours:
    """The rollouts before and after one."""
    return client().neighbours(job_id, rollout)

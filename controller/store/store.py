"""The store: what the controller keeps, behind asynchronous methods.

Each method runs a function of this package in a transaction; what it takes, returns and raises is
said there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

import anyio
from sqlalchemy import Connection

from controller.store import comparison as comparison_rows
from controller.store import environments as environment_rows
from controller.store import events as event_rows
from controller.store import exporting, usage
from controller.store import jobs as job_rows
from controller.store import results as result_rows
from controller.store import rollouts as rollout_rows
from controller.store import secrets as secret_rows
from controller.store import tasksets as taskset_rows
from controller.store.database import Database
from hud.wire.platform import EventRecord

P = ParamSpec("P")
ResultT = TypeVar("ResultT")
Rows = Callable[Concatenate[Connection, P], ResultT]
Method = Callable[Concatenate["Store", P], Coroutine[Any, Any, ResultT]]


def _writes(function: Rows[P, ResultT]) -> Method[P, ResultT]:
    @functools.wraps(function)
    async def method(store: Store, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        return await store.write(lambda connection: function(connection, *args, **kwargs))

    return method


def _reads(function: Rows[P, ResultT]) -> Method[P, ResultT]:
    @functools.wraps(function)
    async def method(store: Store, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        return await store.read(lambda connection: function(connection, *args, **kwargs))

    return method


class Store:
    """Everything that outlives the controller; a write is durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bell = anyio.Event()

    @classmethod
    async def open(cls, database_url: str) -> Store:
        """The store at `sqlite:///path` or `postgresql://…`, with its tables brought up to date.

        Raises:
            UserError: the URL cannot be used, or the database is newer than this code.
            StoreFailure: the database does not answer.
        """
        return cls(await Database.open(database_url))

    async def aclose(self) -> None:
        """Let go of the database, after the write that is under way."""
        await self._database.aclose()

    async def write(self, function: Callable[[Connection], ResultT]) -> ResultT:
        """Run a function in a durable transaction; whoever waits for events hears of its events."""
        result, has_news = await self._database.write(lambda link: _with_news(function, link))
        if has_news:
            self._bell.set()
            self._bell = anyio.Event()
        return result

    async def read(self, function: Callable[[Connection], ResultT]) -> ResultT:
        """Run a function on a consistent view."""
        return await self._database.read(function)

    async def next_events(
        self,
        after: int,
        *,
        limit: int = 500,
        kinds: Sequence[str] | None = None,
        timeout: float = 15.0,
    ) -> list[EventRecord]:
        """The events after that number; waits up to `timeout` seconds for one where there is none.

        It hears at once of what this store writes; of what other processes write when it is asked
        the next time.
        """
        with anyio.move_on_after(timeout):
            while True:
                bell = self._bell
                found = await self.events(after, limit=limit, kinds=kinds)
                if found:
                    return found
                await bell.wait()
        return await self.events(after, limit=limit, kinds=kinds)

    add_job = _writes(job_rows.add_job)
    finish_job = _writes(job_rows.finish_job)
    remove_jobs_before = _writes(job_rows.remove_before)
    job = _reads(job_rows.job)
    jobs = _reads(job_rows.page)
    results = _reads(result_rows.results)
    job_tasks = _reads(result_rows.page)
    compare = _reads(comparison_rows.compare)
    compared_tasks = _reads(comparison_rows.compared_tasks)

    add_rollout = _writes(rollout_rows.add_rollout)
    add_rollouts = _writes(rollout_rows.add_rollouts)
    rollouts = _reads(rollout_rows.page)
    rollout = _reads(rollout_rows.rollout)
    transcript = _reads(rollout_rows.transcript)
    ended_ids = _reads(rollout_rows.ended_ids)
    lost_ids = _reads(rollout_rows.lost_ids)
    neighbours = _reads(rollout_rows.neighbours)

    rollouts_after = _reads(exporting.rollouts_after)
    tasks_after = _reads(exporting.tasks_after)
    run_names = _reads(exporting.run_names)
    rewards_of = _reads(exporting.rewards_of)

    tasksets = _reads(taskset_rows.all_tasksets)
    taskset = _reads(taskset_rows.taskset)
    upload = _writes(taskset_rows.upload)
    tasks = _reads(taskset_rows.page)
    task = _reads(taskset_rows.task)
    task_versions = _reads(taskset_rows.task_history)
    edit_task = _writes(taskset_rows.edit_task)
    remove_task = _writes(taskset_rows.remove_task)
    remove_taskset = _writes(taskset_rows.remove_taskset)
    set_columns = _writes(taskset_rows.set_columns)
    export = _reads(taskset_rows.export)

    put_environment = _writes(environment_rows.put_environment)
    environments = _reads(environment_rows.all_environments)
    environment = _reads(environment_rows.environment)
    remove_environment = _writes(environment_rows.remove_environment)
    add_version = _writes(environment_rows.add_version)
    versions = _reads(environment_rows.versions)
    put_build = _writes(environment_rows.put_build)
    build = _reads(environment_rows.build)
    builds = _reads(environment_rows.build_page)
    put_debug = _writes(environment_rows.put_debug)
    debug = _reads(environment_rows.debug)
    debugs = _reads(environment_rows.debug_page)

    add_event = _writes(event_rows.append)
    events = _reads(event_rows.following)
    latest_event = _reads(event_rows.latest)

    put_secret = _writes(secret_rows.put_secret)
    secret = _reads(secret_rows.secret)
    secrets = _reads(secret_rows.all_secrets)
    remove_secret = _writes(secret_rows.remove_secret)

    storage = _reads(usage.storage)


def _with_news(
    function: Callable[[Connection], ResultT], connection: Connection
) -> tuple[ResultT, bool]:
    connection.info.pop(event_rows.LATEST, None)
    result = function(connection)
    return result, connection.info.pop(event_rows.LATEST, None) is not None

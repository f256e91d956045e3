"""The controller's client: a method for each of its routes."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, TypeVar, Unpack
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError

from hud.client.connection import SECONDS, STREAM, Connection
from hud.errors import Boundary, HudError, UserError
from hud.settings import get_settings
from hud.wire import (
    CancelledJobs,
    Change,
    ComparedTask,
    Comparison,
    JobEnding,
    JobRecord,
    JobRequest,
    JobResults,
    JobStatus,
    JobTask,
    JobView,
    RolloutRecord,
    RolloutStatus,
    TaskChoice,
    TaskOrder,
    Transcript,
)
from hud.wire.models import AgentOffer, ModelUsage, ProviderModels
from hud.wire.platform import (
    BuildRecord,
    Check,
    DebugRecord,
    DebugRequest,
    DeployOptions,
    EnvironmentRecord,
    EnvironmentVersion,
    EventRecord,
    Health,
    LogPage,
    Neighbours,
    Offer,
    Page,
    ProviderStatus,
    ScenarioAnswer,
    ScenarioPrompt,
    ScenarioSetup,
    SecretRecord,
    SecretValue,
    Storage,
    ToolAnswer,
    ToolCall,
)
from hud.wire.tasksets import Column, SyncPlan, TaskRecord, TasksetRecord, TaskUpload

JSON = {"content-type": "application/json"}
BATCH = 100
"""Rollouts that are sent at once."""
PIECE = 1024 * 1024
AnswerT = TypeVar("AnswerT")


class RolloutFilters(TypedDict, total=False):
    """Which rollouts to list, and in which order."""

    job: str | None
    task: str | None
    taskset: str | None
    status: RolloutStatus | None
    variant: str | None
    boundary: Boundary | None
    min_reward: float | None
    max_reward: float | None
    columns: Mapping[str, str] | None
    sort: str
    """`started_at`, `reward`, `seconds` …; with `-` in front, the largest first."""
    offset: int
    limit: int


class TaskFilters(TypedDict, total=False):
    """Which tasks of a taskset to list, and in which order."""

    search: str | None
    scenario: str | None
    columns: Mapping[str, str] | None
    sort: str
    offset: int
    limit: int


class JobFilters(TypedDict, total=False):
    """Which jobs to list."""

    taskset: str | None
    status: JobStatus | None
    search: str | None
    offset: int
    limit: int


class JobTaskFilters(TypedDict, total=False):
    """Which tasks of a job to list, and in which order."""

    search: str | None
    which: TaskChoice | None
    columns: Mapping[str, str] | None
    sort: TaskOrder
    runs: int
    """Of how many runs of each task the rewards are wanted, the first ones."""
    offset: int
    limit: int


class ComparedFilters(TypedDict, total=False):
    """Which tasks of compared jobs to list."""

    change: Change | None
    search: str | None
    columns: Mapping[str, str] | None
    offset: int
    limit: int


class Client:
    """Speaks to the controller: sync, safe to share between threads.

    Every method raises `ControllerUnavailable` where nothing answers, `Refused` (a `UserError`)
    where the controller refuses, and `ControllerFailure` where it failed; all with a hint.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, seconds: float = SECONDS
    ) -> None:
        """`url` and `token` are those of the settings where they are left out; `seconds` is how
        long the answer to a read may take.
        """
        self._connection = Connection(url, token)
        self._seconds = seconds
        self._patient = get_settings().client_timeout

    @property
    def url(self) -> str:
        """Where the controller is."""
        return self._connection.url

    def close(self) -> None:
        """Let go of the open connections; another call opens new ones."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def health(self) -> Health:
        """Whether the controller answers; needs no token."""
        return self._get(Health, "/health")

    def doctor(self) -> list[Check]:
        """What a look at engine, workspace, disk, store and keys found."""
        return self._get(list[Check], "/doctor")

    def storage(self) -> Storage:
        """What the store holds, and for how long."""
        return self._get(Storage, "/storage")

    def providers(self) -> list[ProviderStatus]:
        """The model providers, and whether there is a key for each."""
        return self._get(list[ProviderStatus], "/providers")

    def models(self) -> list[ProviderModels]:
        """The models that providers with a key have."""
        return self._get(list[ProviderModels], "/models")

    def agents(self) -> list[AgentOffer]:
        """The agents that evaluations at the controller can be played with."""
        return self._get(list[AgentOffer], "/agents", seconds=self._patient)

    def usage(self, job: str | None = None) -> list[ModelUsage]:
        """What a job asked of each model; without a job, what none asked for."""
        return self._get(list[ModelUsage], "/usage", {"job": job})

    def environments(self) -> list[EnvironmentRecord]:
        """Every environment that the controller holds."""
        return self._get(list[EnvironmentRecord], "/environments")

    def environment(self, name: str) -> EnvironmentRecord:
        """One environment."""
        return self._get(EnvironmentRecord, _path("environments", name))

    def resolve(self, name: str) -> EnvironmentRecord:
        """The environment that `connect_hub("org/name")` means."""
        org, _, own = name.rpartition("/")
        return self._get(EnvironmentRecord, _path("registry", org or "local", own))

    def remove_environment(self, name: str) -> None:
        """Forget a deployed environment and its versions."""
        self._send(None, "DELETE", _path("environments", name))

    def start_environment(self, name: str) -> EnvironmentRecord:
        """Serve an environment."""
        return self._send(EnvironmentRecord, "POST", _path("environments", name, "start"))

    def stop_environment(self, name: str) -> EnvironmentRecord:
        """Serve an environment no longer."""
        return self._send(EnvironmentRecord, "POST", _path("environments", name, "stop"))

    def rebuild_environment(self, name: str, *, no_cache: bool = False) -> BuildRecord:
        """Build an environment's image again and start anew."""
        path = _path("environments", name, "rebuild")
        return self._send(BuildRecord, "POST", path, params={"no_cache": no_cache})

    def choose_environment(self, name: str) -> EnvironmentRecord:
        """Let `/mcp` lead to this environment."""
        return self._send(EnvironmentRecord, "POST", _path("environments", name, "choose"))

    def offer(self, name: str) -> Offer:
        """The tools, scenarios and resources of a running environment."""
        return self._get(Offer, _path("environments", name, "offer"), seconds=self._patient)

    def call_tool(
        self, name: str, tool: str, arguments: Mapping[str, Any] | None = None
    ) -> ToolAnswer:
        """Call a tool of a running environment."""
        call = ToolCall(arguments=dict(arguments or {}))
        path = _path("environments", name, "tools", tool)
        return self._send(ToolAnswer, "POST", path, call, seconds=self._patient)

    def set_up(
        self, name: str, scenario: str, args: Mapping[str, Any] | None = None
    ) -> ScenarioPrompt:
        """Start a scenario of a running environment."""
        setup = ScenarioSetup(args=dict(args or {}))
        path = _path("environments", name, "scenarios", scenario, "setup")
        return self._send(ScenarioPrompt, "POST", path, setup, seconds=self._patient)

    def grade(self, name: str, scenario: str, play: str, answer: str) -> dict[str, Any]:
        """End a scenario that was started: the reward and what belongs to it."""
        given = ScenarioAnswer(play=play, answer=answer)
        path = _path("environments", name, "scenarios", scenario, "grade")
        return self._send(dict[str, Any], "POST", path, given, seconds=self._patient)

    def environment_log(self, name: str, after: int = 0) -> LogPage:
        """What an environment printed."""
        return self._get(LogPage, _path("environments", name, "log"), {"after": after})

    def versions(self, name: str) -> list[EnvironmentVersion]:
        """The registered versions of an environment, the newest first."""
        return self._get(list[EnvironmentVersion], _path("environments", name, "versions"))

    def deploy(self, archive: Path, options: DeployOptions | None = None) -> BuildRecord:
        """Build the folder in a gzipped tar archive and register it; the build goes on there."""
        wanted = options or DeployOptions()
        params = {
            "name": wanted.name,
            "no_cache": wanted.no_cache,
            "build_arg": [f"{name}={value}" for name, value in wanted.build_args.items()],
            "secret": [f"{id}={name}" for id, name in wanted.secrets.items()],
        }
        headers = {"content-type": "application/gzip"}
        answer = self._connection.request(
            "POST",
            "/deployments",
            params=params,
            headers=headers,
            content=_pieces(archive),
            seconds=self._patient,
        )
        return self._read(BuildRecord, answer.content)

    def builds(
        self, environment: str | None = None, *, offset: int = 0, limit: int = 50
    ) -> Page[BuildRecord]:
        """Builds of one environment or of all, the newest first."""
        params = {"environment": environment, "offset": offset, "limit": limit}
        return self._get(Page[BuildRecord], "/builds", params)

    def build(self, build: str) -> BuildRecord:
        """One build."""
        return self._get(BuildRecord, _path("builds", build))

    def build_log(self, build: str, after: int = 0) -> LogPage:
        """What a build printed."""
        return self._get(LogPage, _path("builds", build, "log"), {"after": after})

    def start_debug_run(self, request: DebugRequest) -> DebugRecord:
        """Examine an environment or an image, in the background."""
        return self._send(DebugRecord, "POST", "/debug-runs", request)

    def debug_runs(self) -> list[DebugRecord]:
        """The newest examinations."""
        return self._get(list[DebugRecord], "/debug-runs")

    def debug_run(self, run: str) -> DebugRecord:
        """One examination."""
        return self._get(DebugRecord, _path("debug-runs", run))

    def cancel_debug_run(self, run: str) -> DebugRecord:
        """End an examination."""
        return self._send(DebugRecord, "POST", _path("debug-runs", run, "cancel"))

    def tasksets(self) -> list[TasksetRecord]:
        """Every taskset."""
        return self._get(list[TasksetRecord], "/tasksets")

    def taskset(self, name: str) -> TasksetRecord:
        """One taskset."""
        return self._get(TasksetRecord, _path("tasksets", name))

    def remove_taskset(self, name: str) -> None:
        """Remove a taskset with its tasks; jobs that ran it stay."""
        self._send(None, "DELETE", _path("tasksets", name))

    def set_columns(self, name: str, columns: Mapping[str, Column]) -> TasksetRecord:
        """Define a taskset's columns."""
        content = json.dumps({key: item.model_dump() for key, item in columns.items()})
        path = _path("tasksets", name, "columns")
        return self._send(TasksetRecord, "PUT", path, content)

    def task_page(self, name: str, **filters: Unpack[TaskFilters]) -> Page[TaskRecord]:
        """One page of a taskset's tasks, with what became of their runs."""
        return self._get(Page[TaskRecord], _path("tasksets", name, "tasks"), _filters(filters))

    def tasks(self, name: str) -> list[dict[str, Any]]:
        """All tasks of a taskset in their JSON format."""
        return self._get(list[dict[str, Any]], _path("tasksets", name, "export"))

    def task(self, name: str, slug: str, version: int | None = None) -> TaskRecord:
        """One task, in its newest version or in an older one."""
        path = _path("tasksets", name, "tasks", slug)
        return self._get(TaskRecord, path, {"version": version})

    def edit_task(self, name: str, slug: str, changes: Mapping[str, Any]) -> TaskRecord:
        """Change fields of a task, which makes a new version."""
        path = _path("tasksets", name, "tasks", slug)
        return self._send(TaskRecord, "PATCH", path, json.dumps(dict(changes)))

    def remove_task(self, name: str, slug: str) -> None:
        """Remove a task with its versions."""
        self._send(None, "DELETE", _path("tasksets", name, "tasks", slug))

    def task_versions(self, name: str, slug: str) -> list[TaskRecord]:
        """A task's versions, the newest first."""
        return self._get(list[TaskRecord], _path("tasksets", name, "tasks", slug, "versions"))

    def upload(self, name: str, upload: TaskUpload) -> SyncPlan:
        """Match tasks by slug with the taskset's; create and update, or only plan."""
        if "/" in name:
            raise UserError(f"a taskset's name holds no `/`, as `{name}` does")
        path = _path("tasksets", name, "upload")
        return self._send(SyncPlan, "POST", path, upload, seconds=self._patient)

    def save_tasks(self, name: str, tasks: Iterable[Mapping[str, Any]]) -> str:
        """Upload tasks in their JSON format; returns the taskset's name."""
        return self.upload(name, TaskUpload(tasks=[dict(task) for task in tasks])).taskset

    def export_tasks(self, name: str, format: Literal["json", "csv"] = "csv") -> str:
        """All tasks of a taskset as a file's text."""
        path = _path("tasksets", name, "export")
        return self._connection.request("GET", path, params={"format": format}).text

    def import_tasks(self, name: str, text: str, *, dry_run: bool = False) -> SyncPlan:
        """Upload the tasks of a CSV file's text."""
        answer = self._connection.request(
            "POST",
            _path("tasksets", name, "import"),
            params={"dry_run": dry_run},
            headers={"content-type": "text/csv"},
            content=text.encode(),
            seconds=self._patient,
        )
        return self._read(SyncPlan, answer.content)

    def start_job(self, request: JobRequest) -> JobView:
        """Run an evaluation at the controller."""
        return self._send(JobView, "POST", "/jobs", request, seconds=self._patient)

    def jobs(self, **filters: Unpack[JobFilters]) -> Page[JobView]:
        """Jobs, the newest first; their records leave the slugs of their tasks out."""
        return self._get(Page[JobView], "/jobs", filters)

    def job(self, job: str) -> JobView:
        """One job with its numbers."""
        return self._get(JobView, _path("jobs", job))

    def record_job(self, record: JobRecord, taskset: str | None = None) -> JobView:
        """Record a job that runs elsewhere."""
        path = _path("jobs", record.id)
        return self._send(JobView, "PUT", path, record, params={"taskset": taskset})

    def record_rollouts(self, job: str, transcripts: Sequence[Transcript]) -> None:
        """Record rollouts of a job that runs elsewhere; one that is known stays as it is."""
        for start in range(0, len(transcripts), BATCH):
            batch = transcripts[start : start + BATCH]
            self.record_transcripts(job, [item.model_dump_json().encode() for item in batch])

    def record_transcripts(self, job: str, texts: Sequence[bytes]) -> None:
        """Record rollouts as `record_rollouts` does, at most `BATCH`, given as JSON."""
        content = b"[" + b",".join(texts) + b"]"
        self._send(None, "POST", _path("jobs", job, "rollouts"), content)

    def finish_job(self, job: str, status: JobStatus, seconds: float) -> JobView:
        """Record how a job that ran elsewhere ended."""
        ending = JobEnding(status=status, seconds=seconds)
        return self._send(JobView, "POST", _path("jobs", job, "finish"), ending)

    def results(self, job: str) -> JobResults:
        """A job's results by variant, and its failures by reason."""
        return self._get(JobResults, _path("jobs", job, "results"))

    def job_tasks(self, job: str, **filters: Unpack[JobTaskFilters]) -> Page[JobTask]:
        """One page of a job's tasks, with the rewards of their first runs."""
        return self._get(Page[JobTask], _path("jobs", job, "tasks"), _filters(filters))

    def export_job(self, job: str, format: Literal["csv", "jsonl"] = "csv") -> Iterator[bytes]:
        """A job's rollouts as JSON lines, or its tasks with their rewards as CSV, in pieces."""
        path = _path("jobs", job, "export")
        with self._connection.streamed(path, params={"format": format}) as answer:
            yield from answer.iter_bytes()

    def cancel_job(self, job: str) -> JobView:
        """End a job that runs at the controller; what it finished stays."""
        return self._send(JobView, "POST", _path("jobs", job, "cancel"))

    def cancel_rollout(self, job: str, rollout: str) -> JobView:
        """End one rollout of a job that runs at the controller."""
        return self._send(JobView, "POST", _path("jobs", job, "rollouts", rollout, "cancel"))

    def cancel_all_jobs(self) -> CancelledJobs:
        """End every job that runs at the controller."""
        return self._send(CancelledJobs, "POST", "/jobs/cancel")

    def rerun_job(self, job: str) -> JobView:
        """Run the failed and missing rollouts of a job again."""
        return self._send(JobView, "POST", _path("jobs", job, "rerun"))

    def compare(self, jobs: Sequence[str]) -> Comparison:
        """Jobs side by side: their variants ranked, and tested against the first."""
        return self._get(Comparison, "/comparison", {"job": list(jobs)})

    def compared_tasks(
        self, jobs: Sequence[str], **filters: Unpack[ComparedFilters]
    ) -> Page[ComparedTask]:
        """One page of the tasks of compared jobs, the largest change first."""
        params = {"job": list(jobs), **_filters(filters)}
        return self._get(Page[ComparedTask], "/comparison/tasks", params)

    def rollouts(self, **filters: Unpack[RolloutFilters]) -> Page[RolloutRecord]:
        """One page of the rollouts that fit every filter."""
        return self._get(Page[RolloutRecord], "/rollouts", _filters(filters))

    def rollout(self, job: str, rollout: str) -> RolloutRecord:
        """How one rollout ended."""
        return self._get(RolloutRecord, _path("jobs", job, "rollouts", rollout))

    def transcript(self, job: str, rollout: str) -> Transcript:
        """What happened in a rollout."""
        return self._get(Transcript, _path("jobs", job, "rollouts", rollout, "transcript"))

    def neighbours(self, job: str, rollout: str) -> Neighbours:
        """The rollouts before and after one."""
        return self._get(Neighbours, _path("jobs", job, "rollouts", rollout, "neighbours"))

    def events(
        self, after: int | None = None, *, kinds: Sequence[str] = (), patience: float = 30.0
    ) -> Generator[EventRecord, None, None]:
        """Events after that number as they happen, without an end; None begins with the next one.

        A connection that breaks is made again, for `patience` seconds.
        """
        return self._connection.events(after, kinds, patience)

    def newest_event(self) -> int:
        """The number of the newest event."""
        headers = {"accept": STREAM}
        with self._connection.streamed("/events", headers=headers, seconds=self._seconds) as answer:
            return int(next(answer.iter_lines()).removeprefix("id: "))

    def past_events(
        self, after: int = 0, *, kinds: Sequence[str] = (), limit: int = 500
    ) -> list[EventRecord]:
        """Events after that number that have happened, the oldest first."""
        params = {"after": after, "kind": list(kinds), "limit": limit}
        return self._get(list[EventRecord], "/events", params)

    def secrets(self) -> list[SecretRecord]:
        """The names of the stored secrets."""
        return self._get(list[SecretRecord], "/secrets")

    def set_secret(self, name: str, value: str) -> SecretRecord:
        """Store a secret, or replace it."""
        return self._send(SecretRecord, "PUT", _path("secrets", name), SecretValue(value=value))

    def remove_secret(self, name: str) -> None:
        """Forget a secret."""
        self._send(None, "DELETE", _path("secrets", name))

    def _get(
        self,
        kind: type[AnswerT],
        path: str,
        params: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> AnswerT:
        seconds = self._seconds if seconds is None else seconds
        answer = self._connection.request("GET", path, params=params, seconds=seconds)
        return self._read(kind, answer.content)

    def _send(
        self,
        kind: type[AnswerT] | None,
        method: str,
        path: str,
        body: BaseModel | str | bytes | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        seconds: float = SECONDS,
    ) -> AnswerT:
        content = body.model_dump_json() if isinstance(body, BaseModel) else body
        answer = self._connection.request(
            method,
            path,
            params=params,
            headers={} if content is None else JSON,
            content=content,
            seconds=seconds,
        )
        return None if kind is None else self._read(kind, answer.content)  # type: ignore[return-value]  # None is what nothing is asked to be

    def _read(self, kind: type[AnswerT], content: bytes) -> AnswerT:
        try:
            return TypeAdapter(kind).validate_json(content)
        except ValidationError as exc:
            reason = f"the controller at {self.url} answered what this version cannot read"
            raise HudError(reason, hint="use the same version on both sides") from exc


def _path(*parts: str) -> str:
    for part in parts:
        if not part or part in (".", "..") or any(ord(character) < ord(" ") for character in part):
            raise UserError(f"{part!r} is no name")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters as parameters: columns become `column=NAME=VALUE`."""
    given = dict(filters)
    columns = given.pop("columns", None) or {}
    return {**given, "column": [f"{name}={value}" for name, value in columns.items()]}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece

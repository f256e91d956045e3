"""What the controller says about environments, builds, debug runs and itself. Pure data."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

API_PREFIX = "/api/v1"

EnvironmentState = Literal["found", "building", "starting", "running", "failed", "stopped"]
WorkStatus = Literal["running", "passed", "failed", "cancelled"]
ItemT = TypeVar("ItemT")


class Problem(BaseModel):
    """Why a request was refused or failed (RFC 9457), with the next command to type."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    """The reason, in one line."""
    hint: str | None = None


class Page(BaseModel, Generic[ItemT]):
    """One page of a list."""

    items: list[ItemT]
    total: int
    """How many there are on all pages, with the filters that were asked for."""
    offset: int = 0


class EngineHealth(BaseModel):
    """The container engine, as far as it answers."""

    available: bool
    version: str | None = None
    runc: str | None = None
    """Version of what starts its containers, where it says so."""
    reason: str | None = None
    """Why it cannot be used."""


class Health(BaseModel):
    """Whether the controller is well; readable without a token."""

    status: Literal["ok", "degraded"] = "ok"
    version: str
    started_at: datetime
    mcp_url: str
    """Where MCP clients connect."""


class Check(BaseModel):
    """One thing that the doctor looked at."""

    name: str
    status: Literal["ok", "warning", "failed"]
    message: str
    hint: str | None = None


class Storage(BaseModel):
    """What the store holds, and for how long."""

    database: str
    """`sqlite` or `postgresql`."""
    bytes: int
    jobs: int
    rollouts: int
    retention_days: int | None = None
    """Jobs older than that are removed; None keeps them."""


class ProviderStatus(BaseModel):
    """A model provider, and whether there is a key for it."""

    name: str
    configured: bool
    base_url: str | None = None
    variable: str
    """The secret or environment variable that holds its key."""


class Reload(BaseModel):
    """A version of an environment took over, or failed to."""

    at: datetime
    cause: str
    step: str | None = None
    """What was done: `reload`, `restart`, `rebuild`."""
    seconds: float
    error: str | None = None
    """Why the version was not taken; the one before serves on."""
    detail: str | None = None
    """The author's traceback."""


class EnvironmentRecord(BaseModel):
    """An environment that the controller holds."""

    name: str
    """Unique, fit for a URL: what `/<name>/mcp` and `connect_hub` call it."""
    environment: str | None = None
    """The name its `Environment` was given, once known."""
    folder: str | None = None
    """Its folder, relative to the workspace; None for one that was only deployed."""
    state: EnvironmentState
    reason: str | None = None
    """Why it is in that state: `failed at phase 2: ...`."""
    is_chosen: bool = False
    """Whether `/mcp` leads to it."""
    endpoint: str | None = None
    """The MCP URL, as clients on this machine reach it."""
    runs_in: Literal["process", "container"] = "process"
    image: str | None = None
    version: int | None = None
    """Number of the newest registered version."""
    tools: int = 0
    scenarios: int = 0
    variables: list[str] = Field(default_factory=list)
    """Variables that it declares; of the secrets only these enter its containers."""
    missing: list[str] = Field(default_factory=list)
    """Declared variables that have no value."""
    last_reload: Reload | None = None
    last_error: Reload | None = None
    updated_at: datetime


class EnvironmentVersion(BaseModel):
    """A registered state of an environment, from which fresh instances are started."""

    environment: str
    number: int
    image: str | None = None
    source: str
    """Hash over what the version was made from."""
    scenarios: list[dict[str, Any]] = Field(default_factory=list)
    tools: list[dict[str, Any]] = Field(default_factory=list)
    variables: list[str] = Field(default_factory=list)
    created_at: datetime


class Offer(BaseModel):
    """What a running environment offers; items as MCP describes them."""

    tools: list[dict[str, Any]] = Field(default_factory=list)
    scenarios: list[dict[str, Any]] = Field(default_factory=list)
    """Prompts, with `name` lacking the environment's part and typed `arguments`."""
    resources: list[dict[str, Any]] = Field(default_factory=list)


class ToolCall(BaseModel):
    """A call of a tool, as a page asks for it."""

    arguments: dict[str, Any] = Field(default_factory=dict)


class ToolAnswer(BaseModel):
    """What the tool answered."""

    content: list[dict[str, Any]]
    structured: Any = None
    is_error: bool = False
    seconds: float


class ScenarioSetup(BaseModel):
    """Start a scenario."""

    args: dict[str, Any] = Field(default_factory=dict)


class ScenarioPrompt(BaseModel):
    """A scenario that was started; `play` names it when it is graded."""

    play: str
    prompt: str


class ScenarioAnswer(BaseModel):
    """The answer that ends a scenario."""

    play: str
    answer: str = ""


class LogPage(BaseModel):
    """Lines of a log, and where to go on."""

    lines: list[str]
    next: int
    """Pass it as `after` to get what follows."""


class BuildRecord(BaseModel):
    """A build of an environment's image."""

    id: str
    environment: str
    status: WorkStatus
    image: str | None = None
    cause: str
    """What asked for it: `deploy`, `rebuild`, `first start`, `env.py changed`."""
    error: str | None = None
    hint: str | None = None
    detail: str | None = None
    """The failing step and its last lines."""
    started_at: datetime
    seconds: float | None = None


class DeployOptions(BaseModel):
    """How a deployed folder is built."""

    name: str | None = None
    """Name of the environment; None takes the one that the folder declares."""
    build_args: dict[str, str] = Field(default_factory=dict)
    """Arguments of the Dockerfile; public."""
    secrets: dict[str, str] = Field(default_factory=dict)
    """For `RUN --mount=type=secret`: the name of a stored secret by id."""
    no_cache: bool = False
    """Run every step again."""


class DebugRequest(BaseModel):
    """What to examine."""

    target: str
    """An environment's name, or an image."""
    max_phase: int = Field(default=7, ge=1, le=7)
    build: bool = False
    """Build the environment's image first."""


class PhaseRecord(BaseModel):
    """A phase of an examination, as `hud debug --json` prints it."""

    number: int
    title: str
    status: Literal["running", "passed", "failed", "skipped"]
    seconds: float = 0.0
    notes: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    kind: str | None = None
    error: str | None = None
    fix: str | None = None
    evidence: dict[str, Any] | None = None


class DebugRecord(BaseModel):
    """An examination, phase by phase."""

    id: str
    target: str
    status: WorkStatus
    phases: list[PhaseRecord] = Field(default_factory=list)
    error: str | None = None
    """Why it could not begin."""
    hint: str | None = None
    started_at: datetime
    seconds: float | None = None


class Neighbours(BaseModel):
    """The rollouts of a job beside one of them, by id."""

    previous: str | None = None
    next: str | None = None


class EventRecord(BaseModel):
    """Something that happened. Numbers only grow: ask for what comes after the last one seen."""

    id: int
    at: datetime
    kind: str
    """`environment`, `build`, `debug`, `job`, `rollout`, `taskset`, `secret`."""
    subject: str
    """The name or id of what it happened to."""
    data: dict[str, Any] = Field(default_factory=dict)


class SecretValue(BaseModel):
    """A secret on its way in; none ever comes out."""

    value: str = Field(max_length=65_536)


class SecretRecord(BaseModel):
    """A secret that is stored: its name, never its value."""

    name: str
    updated_at: datetime

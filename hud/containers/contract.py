"""What an engine and its containers do, as protocols, and the values that go in and out.

Two things keep this contract: `engine.Engine`, the real one, and `fake.FakeContainers`, in memory.
The same test file runs against both.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, Self

from hud.containers.custody import KEEPER, owner_in
from hud.containers.labels import GENERATION, OWNER, RUN, Owner
from hud.containers.output import Tail
from hud.containers.spec import ContainerSpec, size_in_words

OUT_OF_MEMORY = "out of memory"
_SHELL_CODES = {126: " (the command cannot be run)", 127: " (there is no such command)"}


@dataclass(frozen=True)
class State:
    """What the engine says of a container."""

    status: str
    """The engine's word: `created`, `running`, `paused`, `exited`, …"""
    exit_code: int | None = None
    """None as long as it has not ended."""
    oom_killed: bool = False
    """Whether a process of it was killed for using more memory than the container may."""
    error: str = ""
    """Why the engine could not start it."""
    memory: int = 0
    """Its memory limit in bytes."""

    @property
    def is_running(self) -> bool:
        return self.status in {"running", "paused", "restarting"}

    def cause(self) -> str:
        """Why it ended, or what it does, in words. A kill for memory is told apart from any other
        kill.
        """
        if self.error:
            return f"could not start: {self.error}"
        if self.oom_killed:
            return f"{OUT_OF_MEMORY}: it used more than its limit of {size_in_words(self.memory)}"
        if self.exit_code is None:
            return self.status
        if self.exit_code > 128 and (name := _signal_name(self.exit_code - 128)):
            note = ", not for its memory limit" if name == "SIGKILL" else ""
            return f"ended by {name} (exit code {self.exit_code}{note})"
        note = _SHELL_CODES.get(self.exit_code, "")
        return f"ended with exit code {self.exit_code}{note}"


def _signal_name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


@dataclass(frozen=True)
class ExecResult:
    """What a command in a container did."""

    exit_code: int | None
    """None if it was ended by its time limit."""
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    """Whether it was ended, with every process that it had started, for taking too long."""
    dropped: int = 0
    """Bytes of output beyond the limit, which are lost."""


@dataclass(frozen=True)
class EngineInfo:
    """Which engine answers, and how it is set up."""

    version: str
    api_version: str
    host: str
    """Where it is reached."""
    runtimes: tuple[str, ...] = ()
    runc: str = ""
    cpus: int = 0
    memory: int = 0
    """Bytes of the engine's machine."""
    rootless: bool = False
    seccomp: bool = False
    live_restore: bool = False


@dataclass(frozen=True)
class Image:
    """An image that the engine has."""

    id: str
    """Its digest, `sha256:…`."""
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    """TCP ports that it says it listens on."""
    user: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    size: int = 0
    platform: str = ""
    """System and processor that it runs on: `linux/amd64`."""


@dataclass(frozen=True)
class Resource:
    """A container, network or volume of ours."""

    kind: Literal["container", "network", "volume"]
    id: str
    name: str
    labels: Mapping[str, str]
    image: str = ""
    status: str = ""
    created: float = 0.0
    """Unix time in seconds."""

    @property
    def owner(self) -> Owner | None:
        """The process that made it or took it over; None if it is shared."""
        return owner_in(self.name) or Owner.parse(self.labels.get(OWNER, ""))

    @property
    def keeper(self) -> str:
        """The installation whose next process may take it over; empty if none may."""
        return self.labels.get(KEEPER, "")

    @property
    def run(self) -> str:
        return self.labels.get(RUN, "")

    @property
    def generation(self) -> int:
        return int(self.labels.get(GENERATION) or 0)


@dataclass(frozen=True)
class Event:
    """Something that happened to a container of ours."""

    container: str
    """The container's id."""
    name: str
    action: str
    """The engine's word: `start`, `die`, `oom`, `pause`, …"""
    time: float
    """Unix time in seconds."""
    exit_code: int | None = None


@dataclass(frozen=True)
class BuildRequest:
    """One image to build from a folder."""

    folder: Path
    tag: str | None = None
    """Name of the image; None makes one from the folder's name."""
    build_args: Mapping[str, str] = field(default_factory=dict)
    """Public: the image's history shows them."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values by id, for `RUN --mount=type=secret,id=…`; they reach no layer."""
    contexts: Mapping[str, Path] = field(default_factory=dict)
    """Further folders by name, for `COPY --from=` and `RUN --mount=from=`; they replace a stage or
    an image of that name.
    """
    platform: str | None = None
    no_cache: bool = False
    dockerfile: str | None = None
    """Path within the folder; None takes `Dockerfile.hud`, else `Dockerfile`."""
    recipe: str | None = None
    """What is built in place of the Dockerfile's text. Made of nothing but that and `contexts`: the
    image's source tells of those.
    """
    seconds: float = 1800.0
    """Time limit of the whole build."""
    context_limit: int = 1024**3
    """Bytes that the folder may have, without what `.dockerignore` names."""


BuildKind = Literal["started", "line", "cached", "done", "failed"]


@dataclass(frozen=True)
class BuildEvent:
    """A line of a build's progress."""

    step: int
    """The builder's number of the step; 0 if it belongs to none."""
    name: str
    """The step as the Dockerfile says it: `[2/4] RUN pip install …`."""
    kind: BuildKind
    text: str = ""


Progress = Callable[[BuildEvent], None]


@dataclass(frozen=True)
class BuildResult:
    """An image that was built, or that was found to be up to date."""

    image: Image
    tag: str
    source: str
    """Digest of everything that it was built from."""
    reused: bool
    """Whether nothing had changed, so that nothing was built."""
    seconds: float


class Stdio(Protocol):
    """The stdin and stdout of a process in a container, as bytes. Its stderr is kept aside."""

    @property
    def stderr(self) -> Tail:
        """The last of what it wrote to stderr; it grows while something receives."""
        ...

    async def send(self, item: bytes) -> None:
        """Write to stdin; waits while the process does not read.

        Raises:
            anyio.BrokenResourceError: nothing reads any more.
        """

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """The next bytes of stdout, at least one.

        Raises:
            anyio.EndOfStream: the process closed its stdout, or ended.
        """
        ...

    async def send_eof(self) -> None:
        """Close the process's stdin; its stdout can still be received."""

    async def aclose(self) -> None:
        """Let go of the process; its stdin closes."""


class Container(Protocol):
    """One container. Everything can be asked again: a stopped one can be stopped, a removed one
    removed.
    """

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> ContainerSpec: ...

    async def attach(self) -> Stdio:
        """Connect to its stdin and stdout. Attach before `start`, so that nothing is missed."""
        ...

    async def start(self) -> None:
        """Start it; returns when its process runs."""

    async def state(self) -> State: ...

    async def address(self, port: int) -> tuple[str, int]:
        """Where a TCP port inside is reached from this host: address and port.

        Raises:
            DockerFailure: the container has no network, or does not run.
        """
        ...

    async def logs(self, lines: int = 200) -> str:
        """The last lines of what it printed, stdout and stderr, printable."""
        ...

    async def execute(
        self, command: Sequence[str], *, seconds: float, stdin: bytes = b"", limit: int = 10_000_000
    ) -> ExecResult:
        """Run a command inside to its end. Past its time, or if the caller is cancelled, it and all
        that it started are killed. Of stdout and stderr the first `limit` bytes are kept.

        Raises:
            DockerFailure: it could not be started, or not be ended without the container.
        """
        ...

    async def open(self, command: Sequence[str]) -> Stdio:
        """Start a command inside and connect to its stdin and stdout."""
        ...

    async def wait(self) -> State:
        """Its state once it has ended; it must have been started."""
        ...

    async def stop(self) -> None:
        """Ask it to end, by SIGTERM; kill it if it has not within its `stop_seconds`."""

    async def kill(self, signal: str = "KILL") -> None: ...

    async def pause(self) -> None: ...

    async def unpause(self) -> None: ...

    async def remove(self) -> None:
        """Kill and remove it, with its anonymous volumes."""


class Containers(Protocol):
    """An engine. Entering it makes sure that it answers, and reaps; leaving it removes what was
    made through it.
    """

    @property
    def reaped(self) -> Sequence[Resource]:
        """What entering it removed, because processes that died had left it behind."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def info(self) -> EngineInfo: ...

    async def image(self, name: str) -> Image | None:
        """The image of that name or id, or None if the engine has none. Nothing is ever pulled."""
        ...

    async def build(self, request: BuildRequest, progress: Progress | None = None) -> BuildResult:
        """Build an image, or find that the one there is was built from the same.

        Raises:
            UserError: the folder cannot be built.
            BuildFailure: the build failed.
        """
        ...

    async def current(self, request: BuildRequest) -> BuildResult | None:
        """What `build` would find up to date; None if it would build.

        Raises:
            UserError: the folder cannot be built.
        """
        ...

    async def images(self) -> list[Image]:
        """Every image that was built by us and still has a name."""
        ...

    async def remove_image(self, tag: str) -> bool:
        """Take a name from an image, and with its last one the image; False if it is in use, or
        gone already.
        """
        ...

    async def create(self, spec: ContainerSpec) -> Container:
        """Make a container; it does not run yet.

        Raises:
            UserError: the request breaks the container policy.
            DockerFailure: the engine refused.
        """
        ...

    def container(self, spec: ContainerSpec) -> AbstractAsyncContextManager[Container]:
        """A container that is made on entering and removed on leaving; it does not run yet."""
        ...

    async def resources(self) -> list[Resource]:
        """Every container, network and volume of ours that the engine has, whoever owns it."""
        ...

    async def remove(self, resource: Resource) -> bool:
        """Remove one of `resources`, running or not; False if it is in use, or gone already."""
        ...

    async def reap(self) -> list[Resource]:
        """Remove what processes that died left behind; returns what was removed. Containers that
        are kept wait for their keeper first, for `custody.KEPT_SECONDS`.
        """
        ...

    async def kept(self, keeper: str | None = None) -> list[Resource]:
        """Containers that wait for that keeper, or for any, because their owners have died."""
        ...

    async def adopt(self, resource: Resource, spec: ContainerSpec) -> Container | None:
        """Become the owner of a container that waits for its keeper, and was made by that request;
        None if it is gone.
        """
        ...

    def events(self) -> AsyncGenerator[Event, None]:
        """What happens to containers of ours from now on, without end."""
        ...

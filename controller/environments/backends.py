"""What starts an environment's versions: processes where it has no Dockerfile, containers where it
has one and an engine answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from controller.builds import Order
from controller.environments.discovery import Found, could_run_in_process, watched_names
from controller.environments.lines import Lines
from controller.environments.services import Services
from hud.containers import BuildRequest, Containers, EngineUnavailable, Image
from hud.dev.backend import Backend
from hud.dev.containers.opening import Wanted, open_containers
from hud.dev.forking.backend import ForkedBackend
from hud.dev.forking.launch import launch
from hud.dev.forking.versions import Versions
from hud.dev.watcher import REBUILD_NAMES, Step, WatchList
from hud.runtime.project import Project

NOT_USED = "its Dockerfile is not used: {reason}; it runs as a process of this machine"
START_ENGINE = "start a container engine; the environment starts by itself then"

Log = Callable[[str], None]


@dataclass(frozen=True)
class EnvironmentFiles(WatchList):
    """What is watched where nothing is said: the folder's Python files, and what images are built
    from.
    """

    def covers(self, path: Path) -> bool:
        """Whether a change of this file counts."""
        if not super().covers(path):
            return False
        is_for_image = path.name in REBUILD_NAMES or path.name.startswith("requirements")
        return path.suffix == ".py" or is_for_image or path.is_dir()


@dataclass(frozen=True)
class Opened:
    """What starts versions, and what is watched."""

    backend: Backend
    watched: WatchList
    runs_in: Literal["process", "container"]
    remark: str | None = None
    """What the user should know about how it runs."""
    image: str | None = None


def watch_list(folder: Path) -> WatchList:
    """What is watched in a folder.

    Raises:
        UserError: `[tool.hud] watch` names what is not there.
    """
    names = watched_names(folder)
    if names is not None:
        return WatchList.of(names, folder)
    resolved = folder.resolve()
    return EnvironmentFiles((resolved,), resolved)


@asynccontextmanager
async def open_backend(
    services: Services, found: Found, project: Project, log: Log, on_build: Callable[[], None]
) -> AsyncIterator[Opened]:
    """What starts an environment's versions; what it started is gone afterwards. `on_build` is
    called when an image may be built.

    Raises:
        EngineUnavailable: it needs a container engine, and none answers.
        UserError: what the project declares cannot be.
    """
    remark = None
    if found.has_dockerfile:
        health = await services.engines.health()
        if health.available:
            async with _contained(services, found, project, log, on_build) as opened:
                yield opened
            return
        if not could_run_in_process(found.folder):
            reason = f"its Dockerfile needs a container engine: {health.reason}"
            raise EngineUnavailable(reason, hint=START_ENGINE)
        remark = NOT_USED.format(reason=health.reason)
        log(remark)
    async with AsyncExitStack() as stack:
        backend = await _forked(services, found.name, project, log, stack)
        yield Opened(backend, watch_list(found.folder), "process", remark)


async def _forked(
    services: Services, name: str, project: Project, log: Log, stack: AsyncExitStack
) -> ForkedBackend:
    output = await stack.enter_async_context(Lines(log))
    variables = services.process_variables(name, project)
    start = partial(launch, output.descriptor, variables)
    versions = Versions(None, project.folder, log=log, launch=start)
    if (user := services.user_of(name)) is not None:
        versions.let_in(user)
    backend = ForkedBackend(versions)
    stack.push_async_callback(backend.aclose)
    return backend


@asynccontextmanager
async def _contained(
    services: Services, found: Found, project: Project, log: Log, on_build: Callable[[], None]
) -> AsyncIterator[Opened]:
    watched = watch_list(found.folder)
    variables = services.variables(project)
    async with services.engines.open() as engine:
        request = BuildRequest(project.folder, tag=project.image, secrets=variables)
        order = Order(found.name, "first start", request)
        wanted = Wanted(
            folder=found.folder,
            module=None,
            image=None,
            watched=watched.paths,
            plays=True,
            per_client=False,
            variables=variables,
            build=RecordedBuilds(services, engine, order, log, on_build),
            keeping=services.engines.keeping(found.name),
        )
        async with open_containers(wanted, log) as opened:
            mounted = replace(watched, mounted=opened.mounted)
            yield Opened(opened.backend, mounted, "container", image=project.image)


class RecordedBuilds:
    """Builds an environment's image, and puts that down."""

    def __init__(
        self,
        services: Services,
        engine: Containers,
        order: Order,
        log: Log,
        on_build: Callable[[], None],
    ) -> None:
        self._services = services
        self._engine = engine
        self._order = order
        self._log = log
        self._on_build = on_build
        self._is_first = True

    async def __call__(self, step: Step) -> Image:
        """The image as its files are now. The first time, the order says why it is built."""
        cause = self._order.cause if self._is_first else step.name.lower()
        order = replace(self._order, cause=cause)
        builds = self._services.builds
        result = await builds.run(self._engine, order, self._log, self._on_build)
        self._is_first = False
        return result.image

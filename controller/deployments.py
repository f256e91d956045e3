"""Registered environments: folders that were deployed, built and looked at once, of which fresh
instances are started.

1. A name without a registered version means the workspace's folder of that name, as it is now.
2. `organisation/name` is the same as `name`: there is one organisation here.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from controller.environments.archive import unpack
from controller.environments.discovery import could_run_in_process, declared_name
from controller.environments.hub import Hub
from controller.environments.log import Log
from controller.environments.registry import Place, Seen, build_request, look, open_runtime
from controller.errors import NotFound
from controller.workspace import Workspace
from hud.containers.images.names import image_name
from hud.errors import HudError, StartFailure, UserError, did_you_mean
from hud.eval.bound import own_tasks
from hud.runtime.project import Project, read_project
from hud.runtime.runtime import Runtime
from hud.task import Task
from hud.wire.platform import (
    BuildRecord,
    DeployOptions,
    EnvironmentRecord,
    EnvironmentVersion,
)

INCOMING = ".incoming"
OPTIONS = ".json"
"""Ending of the file beside a version's folder that tells what it was built with."""
SWEEP_SECONDS = 60.0


class Deployments:
    """Every registered environment. An async context manager."""

    def __init__(self, workspace: Workspace) -> None:
        self.hub = Hub(workspace.services)
        self._workspace = workspace
        self._services = workspace.services
        self._store = workspace.services.store
        self._folder = workspace.services.settings.data_dir.absolute() / "deployed"
        self._background: set[asyncio.Task[Any]] = set()
        self._registering = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Remove what unfinished deployments left."""
        await asyncio.to_thread(shutil.rmtree, self._folder / INCOMING, ignore_errors=True)
        self._spawn(self._sweep())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every instance, and what is being built."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.hub.aclose()

    async def deploy(
        self, name: str | None, archive: Path, cause: str, options: DeployOptions | None = None
    ) -> BuildRecord:
        """Unpack an archive of an environment's folder, then build and register it in the
        background. The archive is removed.

        Raises:
            UserError: it cannot be unpacked, or it has no name.
            TooLarge: it holds too much.
        """
        options = options or DeployOptions()
        folder = self._folder / INCOMING / f"{archive.stem}-{id(archive):x}"
        try:
            source = await asyncio.to_thread(unpack, archive, folder)
            source = _told_apart(source, options)
        finally:
            await asyncio.to_thread(archive.unlink, missing_ok=True)
        try:
            named = self._name(name or options.name, folder)
            project = read_project(folder, tag=f"hud-deployed/{named}:{source[:16]}")
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        record = await self._services.builds.begin(named, cause)
        self._spawn(self._build(record, project, source, options))
        return record

    async def names(self) -> list[str]:
        """The environments that instances can be started of."""
        return [record.name for record in await self._workspace.list()]

    async def resolve(self, name: str) -> EnvironmentRecord:
        """The environment of a name, with or without an organisation; also by the name that its
        `Environment` was given.

        Raises:
            NotFound: there is none; the hint has near names.
        """
        wanted = name.rpartition("/")[2]
        records = await self._workspace.list()
        for record in records:
            if record.name == wanted:
                return record
        for record in records:
            if record.environment == wanted:
                return record
        known = {record.name for record in records}
        raise NotFound(f"there is no environment `{name}`", hint=did_you_mean(wanted, known))

    async def own_tasks(self, name: str) -> list[Task]:
        """The tasks that come with an environment, as data. Those of the `Environment` that it
        declares are played in it, whoever else declares one of that name.

        Raises:
            UserError: there is no such environment, it has no tasks, or they cannot be read.
        """
        place = await self.place(name)
        variables = self._services.process_variables(place.name, place.project)
        output = self._services.output.descriptor
        tasks = await own_tasks(place.project.folder, variables, output)
        declared = (await self.resolve(name)).environment
        if declared == place.name:
            return tasks
        return [task.played_in(place.name) if task.env_name == declared else task for task in tasks]

    async def open_runtime(self, name: str, tasks: Sequence[Task]) -> Runtime:
        """A runtime that starts a fresh instance of an environment for each rollout of these
        tasks.

        Raises:
            HudError: the environment is not there, or does not start.
        """
        return await open_runtime(self._services, await self.place(name), tasks)

    async def runtime_for(
        self, name: str, version: int | None = None, tasks: Sequence[Task] = ()
    ) -> Runtime:
        """As `open_runtime`, of a certain version.

        Raises:
            HudError: the version is not there, or does not start.
        """
        return await open_runtime(self._services, await self.place(name, version), tasks)

    async def place(self, name: str, version: int | None = None) -> Place:
        """Where an environment is: its version of that number or the newest one, else its folder
        in the workspace.

        Raises:
            NotFound: there is none.
            StartFailure: it needs a container engine, and none answers.
        """
        record = await self.resolve(name)
        versions = await self._store.versions(record.name)
        for one in versions:
            if version in (None, one.number):
                folder = self._folder_of(record.name, one.source)
                if not folder.is_dir():
                    told = f"the files of version {one.number} of `{record.name}` are gone"
                    raise StartFailure(told, hint="deploy it again: hud deploy")
                project = read_project(folder, tag=one.image)
                project = replace(project, is_built=one.image is not None)
                place = await self._place(record.name, one.source, project)
                options = self._options_of(record.name, one.source)
                return replace(place, options=options)
        serving = self._workspace.serving(record.name)
        if version is not None or serving is None:
            told = f"environment `{record.name}` has no version {version or ''}".rstrip()
            raise NotFound(told, hint=f"there are {len(versions)} versions")
        return await self._place(record.name, None, read_project(serving.found.folder))

    async def _place(self, name: str, source: str | None, project: Project) -> Place:
        serving = self._workspace.serving(name)
        log = serving.log if serving is not None else Log(self._services.secrets.redact)
        in_container = project.has_dockerfile
        if in_container:
            health = await self._services.engines.health()
            in_container = health.available
            if not health.available and not could_run_in_process(project.folder):
                told = f"environment `{name}` needs a container engine: {health.reason}"
                raise StartFailure(told, hint="start a container engine")
        return Place(name, source, project, in_container, log)

    def _folder_of(self, name: str, source: str) -> Path:
        return self._folder / name / source[:24]

    def _options_of(self, name: str, source: str) -> DeployOptions:
        """What a version was built with."""
        path = self._folder_of(name, source).with_suffix(OPTIONS)
        if not path.is_file():
            return DeployOptions()
        return DeployOptions.model_validate_json(path.read_bytes())

    def _name(self, given: str | None, folder: Path) -> str:
        found = given or declared_name(folder)
        if found is None:
            told = "the folder does not say what its environment is called"
            raise UserError(told, hint="hud deploy --name NAME")
        return image_name(found.rpartition("/")[2])

    async def _build(
        self, record: BuildRecord, project: Project, source: str, options: DeployOptions
    ) -> None:
        builds = self._services.builds
        say = builds.sink(record)
        image = None
        try:
            place = await self._place(record.environment, None, project)
            if place.in_container:
                async with self._services.engines.open() as engine:
                    request = build_request(self._services, project, options)
                    image = (await builds.build(engine, request, say)).tag
                place = replace(place, project=replace(project, is_built=True))
            elif project.has_dockerfile:
                say("no container engine answers: its Dockerfile is not used")
            else:
                say("it has no Dockerfile: it runs in processes")
            seen = await look(self._services, place)
            place = replace(place, options=options)
            number = await self._register(place, image, source, seen)
            say(f"registered as version {number} of `{place.name}`")
        except HudError as exc:
            await builds.end(record, error=exc)
        except BaseException as exc:
            await builds.end(record, error=HudError(f"the deployment was ended: {exc!r}"))
            raise
        else:
            await builds.end(record, image=image)
        finally:
            await asyncio.to_thread(shutil.rmtree, project.folder, ignore_errors=True)

    async def _register(self, place: Place, image: str | None, source: str, seen: Seen) -> int:
        """Put a version down, and its folder where it stays."""
        version = EnvironmentVersion(
            environment=place.name,
            number=0,
            image=image,
            source=source,
            scenarios=seen.scenarios,
            tools=seen.tools,
            variables=list(place.project.variables),
            created_at=datetime.now(UTC),
        )
        async with self._registering:
            number = await self._store.add_version(version)
            folder = self._folder_of(place.name, source)
            if not folder.exists():
                folder.parent.mkdir(parents=True, exist_ok=True)
                await asyncio.to_thread(place.project.folder.rename, folder)
            kept = place.options.model_copy(update={"no_cache": False})
            folder.with_suffix(OPTIONS).write_text(kept.model_dump_json(), "utf-8")
        if not self._workspace.note_version(place.name, number):
            await self._store.put_environment(self._record(place, folder, number, version))
        await self._store.add_event("environment", place.name, {"version": number})
        return number

    def _record(
        self, place: Place, folder: Path, number: int, version: EnvironmentVersion
    ) -> EnvironmentRecord:
        """What is known of an environment that is only registered."""
        given = self._services.secrets.given(version.variables)
        return EnvironmentRecord(
            name=place.name,
            environment=declared_name(folder),
            state="found",
            reason=f"version {number} is registered; instances start when they are asked for",
            endpoint=f"{self._services.settings.mcp_url}/hub/local/{place.name}/mcp",
            runs_in="container" if place.in_container else "process",
            image=version.image,
            version=number,
            tools=len(version.tools),
            scenarios=len(version.scenarios),
            variables=version.variables,
            missing=[name for name in version.variables if name not in given],
            updated_at=datetime.now(UTC),
        )

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.hub.sweep()
            async with self._registering:
                await self._prune()

    async def _prune(self) -> None:
        """Remove the files of versions that are not registered any more."""
        for path in await asyncio.to_thread(lambda: list(self._folder.glob("[!.]*/*"))):
            versions = await self._store.versions(path.parent.name)
            known = [self._folder_of(one.environment, one.source) for one in versions]
            if path.with_suffix("") in known:
                continue
            if path.is_dir():
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[Any] = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _told_apart(source: str, options: DeployOptions) -> str:
    """What tells an image's source from others: its files, and what they are built with."""
    if not options.build_args:
        return source
    given = json.dumps([source, options.build_args], sort_keys=True)
    return hashlib.sha256(given.encode()).hexdigest()

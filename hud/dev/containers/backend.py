"""Versions of an environment in containers: reloaded inside where our SDK is in the image, and
started anew where it is not, or where files changed that only a new container or image holds.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hud.containers import BuildEvent, BuildRequest, Containers, ContainerSpec, Image, Mount
from hud.dev.backend import Instance, LineSink
from hud.dev.containers.commands import with_options
from hud.dev.containers.mounts import STAGE, Mounts, Place
from hud.dev.containers.obedient import Disobedient, ObedientContainer
from hud.dev.containers.plain import ContainerPipe, PlainContainer
from hud.dev.gateway import StdioUpstream
from hud.dev.watcher import Step
from hud.errors import UserError
from hud.runtime.build import build_image
from hud.runtime.project import Project
from hud.runtime.reach import find_port, spec_reached_at

VARIABLES = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
STOP_SECONDS = 3
LONGEST_STEP = 120
"""Characters of a build's step that are shown."""

_BUILD_STEP = re.compile(r"\[(?:[^\]]* )?\d+/\d+\] ")


@dataclass(frozen=True)
class Containment:
    """What is to run in containers."""

    project: Project
    image: str | None = None
    """An image that is there; None builds the project's."""
    module: str | None = None
    places: tuple[Place, ...] = ()
    """The watched paths that containers see."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    plays: bool = True
    per_client: bool = False


class ContainerBackend:
    """Starts versions in containers."""

    highest = Step.REBUILD

    def __init__(self, engine: Containers, what: Containment, log: LineSink) -> None:
        """`log` gets what builds and containers print."""
        self._engine = engine
        self._what = what
        self._log = log
        self._image: Image | None = None
        self._obedient: ObedientContainer | None = None
        self._disobedient: set[str] = set()
        """Images that have no agent, by id."""
        self._open: set[ObedientContainer | PlainContainer] = set()
        self._numbers = itertools.count(1)

    async def start(self, step: Step) -> Instance:
        if self._image is None or step > Step.RELOAD:
            self._image = await self._current_image()
        if step is Step.RELOAD and self._obedient is not None and not self._obedient.ended.is_set():
            return await self._obedient.start_version(afresh=False)
        if self._image.id not in self._disobedient and not self._what.per_client:
            try:
                return await self._start_obedient(self._image)
            except Disobedient as exc:
                self._disobedient.add(self._image.id)
                self._log(f"its image has no `hud dev` of ours ({exc}): a save restarts it")
        return await self._start_plain(self._image)

    async def aclose(self) -> None:
        for container in list(self._open):
            self._open.discard(container)
            if isinstance(container, ObedientContainer):
                await container.close()
            else:
                await container.remove()

    async def _current_image(self) -> Image:
        """The image, built if what it is built from has changed.

        Raises:
            UserError: there is no image of the name that was given, or nothing to build.
            BuildFailure: the build failed.
        """
        if self._what.image is None:
            request = BuildRequest(self._what.project.folder, tag=self._what.project.image)
            return (await build_image(self._engine, request, self._show_build)).image
        image = await self._engine.image(self._what.image)
        if image is None:
            message = f"there is no image `{self._what.image}`, and no module of that name here"
            raise UserError(message, hint="docker images lists those that there are")
        return image

    def _show_build(self, event: BuildEvent) -> None:
        if event.kind in ("started", "failed") and _BUILD_STEP.match(event.name):
            text = f" {event.text}" if event.kind == "failed" else ""
            self._log(f"  {event.name[:LONGEST_STEP]}{text}")

    async def _start_obedient(self, image: Image) -> Instance:
        options = ["--controlled", *(["--play"] if self._what.plays else [])]
        command = with_options(image, self._what.module, options)
        mounts = self._mounts()
        spec = replace(
            self._spec(mounts.prepare()),
            entrypoint=command.entrypoint,
            command=command.command,
        )
        spec = replace(spec_reached_at(spec, 1), stdin=True)
        made = await self._engine.create(spec)
        container = ObedientContainer(made, mounts, self._log)
        self._open.add(container)
        try:
            await container.start()
            instance = await container.start_version(afresh=False)
        except BaseException:
            self._open.discard(container)
            await container.close()
            raise
        old, self._obedient = self._obedient, container
        if old is not None:
            self._open.discard(old)
            await old.retire()
        return instance

    async def _start_plain(self, image: Image) -> Instance:
        mounts = self._mounts()
        spec = self._spec(mounts.prepare())
        port = await find_port(self._engine, image, spec)
        if self._what.per_client:
            if port is not None:
                command = with_options(image, self._what.module, ["--stdio"])
                spec = replace(spec, entrypoint=command.entrypoint, command=command.command)
            return self._per_client(replace(spec, stdin=True), mounts)
        container = await self._create(spec_reached_at(spec, port), mounts.remove)
        name = f"image `{spec.image}`"
        try:
            if port is None:
                return await container.serve_pipe(name)
            return await container.serve_http(name, port)
        except BaseException:
            await container.remove()
            raise

    def _per_client(self, spec: ContainerSpec, mounts: Mounts) -> Instance:
        async def open_pipe() -> ContainerPipe:
            return await (await self._create(spec, _nothing)).open_pipe()

        async def clean_up() -> None:
            mounts.remove()

        upstream = StdioUpstream(f"image `{spec.image}`", open_pipe, on_close=clean_up)
        return Instance(upstream, took=Step.RESTART)

    async def _create(self, spec: ContainerSpec, clean_up: Callable[[], None]) -> PlainContainer:
        def forget() -> None:
            self._open.discard(container)
            clean_up()

        container = PlainContainer(await self._engine.create(spec), self._log, forget)
        self._open.add(container)
        return container

    def _mounts(self) -> Mounts:
        folder = self._what.project.folder
        stage = folder / STAGE / f"{os.getpid()}-{next(self._numbers)}"
        return Mounts(folder, stage, list(self._what.places))

    def _spec(self, mounts: tuple[Mount, ...]) -> ContainerSpec:
        sandbox = self._what.project.sandbox
        targets = {mount.target for mount in mounts}
        declared = tuple(mount for mount in sandbox.mounts if mount.target not in targets)
        return ContainerSpec(
            image=self._what.image or self._what.project.image,
            env={**VARIABLES, **self._what.variables},
            sandbox=sandbox.model_copy(update={"mounts": (*declared, *mounts)}),
            stop_seconds=STOP_SECONDS,
            run=f"dev-{os.getpid()}",
        )


def _nothing() -> None:
    """There is nothing to clean up."""

"""Versions of an environment in containers: reloaded inside where our SDK is in the image, and
started anew where it is not, or where files changed that only a new container or image holds.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from hud.containers import (
    BuildEvent,
    BuildRequest,
    Container,
    Containers,
    ContainerSpec,
    Image,
    Mount,
    Resource,
)
from hud.dev.backend import Instance, LineSink
from hud.dev.containers.commands import with_options
from hud.dev.containers.keeping import Book, Keeping, KeptContainer, KeptVersion, fit_of
from hud.dev.containers.mounts import STAGE, Mounts, Place
from hud.dev.containers.obedient import Disobedient, ObedientContainer
from hud.dev.containers.plain import ContainerPipe, PlainContainer
from hud.dev.gateway import StdioUpstream
from hud.dev.watcher import Step
from hud.errors import HudError, StartFailure, UserError, describe
from hud.runtime.build import build_image, source_of
from hud.runtime.project import Project
from hud.runtime.reach import find_port, spec_reached_at

VARIABLES = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
STOP_SECONDS = 3
LONGEST_STEP = 120
"""Characters of a build's step that are shown."""

_BUILD_STEP = re.compile(r"\[(?:[^\]]* )?\d+/\d+\] ")


Build = Callable[[Step], Awaitable[Image]]


@dataclass(frozen=True)
class Containment:
    """What is to run in containers."""

    project: Project
    image: str | None = None
    """An image that is there; None builds the project's."""
    build: Build | None = None
    """Builds the project's image, for the step that asks for it; None does it in the usual way."""
    module: str | None = None
    places: tuple[Place, ...] = ()
    """The watched paths that containers see."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    plays: bool = True
    per_client: bool = False
    keeping: Keeping | None = None
    """Who may go on with its containers; None lets nobody."""


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
        self._was_asked = False
        self._numbers = itertools.count(1)

    async def start(self, step: Step) -> Instance:
        if not self._was_asked and self._what.keeping is not None:
            self._was_asked = True
            if (found := await self._take_over(self._what.keeping)) is not None:
                return found
        if step is Step.RELOAD and self._obedient is not None and not self._obedient.ended.is_set():
            return await self._obedient.start_version(afresh=False)
        if self._image is None or step > Step.RELOAD:
            self._image = await self._current_image(step)
        if self._image.id not in self._disobedient and not self._what.per_client:
            try:
                return await self._start_obedient(self._image)
            except Disobedient as exc:
                self._disobedient.add(self._image.id)
                self._log(f"its image has no `hud dev` of ours ({exc}): a save restarts it")
        return await self._start_plain(self._image)

    async def aclose(self) -> None:
        for container in list(self._open):
            await self._discard(container)

    async def _current_image(self, step: Step) -> Image:
        """The image, built if what it is built from has changed.

        Raises:
            UserError: there is no image of the name that was given, or nothing to build.
            BuildFailure: the build failed.
        """
        if self._what.image is None and self._what.build is not None:
            return await self._what.build(step)
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

    async def _take_over(self, keeping: Keeping) -> Instance | None:
        """What serves already in a container that an earlier session left, if that fits."""
        known = keeping.read()
        item = await keeping.waiting(self._engine, await self._fit())
        if known is not None and item is not None:
            try:
                if (instance := await self._resume(item, known, keeping)) is not None:
                    self._log(f"goes on in container `{item.name}`, whose owner had died")
                    return instance
            except (HudError, OSError) as exc:
                self._log(f"container `{item.name}` cannot be taken over: {describe(exc)}")
        await asyncio.to_thread(keeping.clear, self._what.project.folder)
        return None

    async def _resume(
        self, item: Resource, known: KeptContainer, keeping: Keeping
    ) -> Instance | None:
        version = known.version
        folder, places = self._what.project.folder, list(self._what.places)
        made = await self._engine.adopt(item, spec_reached_at(self._spec(()), 1))
        if made is None:
            return None
        book = Book(keeping, known)
        mounts = Mounts(folder, folder / known.stage, places, known.inodes)
        if known.is_obedient:
            return await self._resume_obedient(ObedientContainer(made, mounts, self._log, book))
        container = self._plain(made, mounts, book)
        try:
            if version is None or version.files != await asyncio.to_thread(mounts.digest):
                raise StartFailure("its files are others now")
            return await container.resume_http(version.name, version.port)
        except BaseException:
            await self._discard(container)
            raise

    async def _resume_obedient(self, container: ObedientContainer) -> Instance:
        self._open.add(container)
        try:
            instance = await container.resume()
        except BaseException:
            await self._discard(container)
            raise
        self._obedient = container
        return instance

    async def _discard(self, container: ObedientContainer | PlainContainer) -> None:
        self._open.discard(container)
        if isinstance(container, ObedientContainer):
            await container.close()
        else:
            await container.remove()

    async def _fit(self) -> str:
        """Digest of what a container is made with, but for the files that it sees as they are."""
        what = self._what
        sources = [place.source for place in what.places]
        request = BuildRequest(what.project.folder, tag=what.project.image)
        built_from = what.image or await source_of(request, without=sources)
        places = [[place.source, place.target] for place in what.places]
        others = (built_from, str(what.project.folder), what.module, what.plays, places)
        return fit_of(self._spec(()), *others)

    def _book(self, container: Container, mounts: Mounts, *, is_obedient: bool) -> Book:
        stage = mounts.stage.relative_to(mounts.folder).as_posix()
        known = KeptContainer(
            container=container.id, is_obedient=is_obedient, stage=stage, inodes=mounts.inodes
        )
        return Book(self._what.keeping, known)

    async def _kept(self, spec: ContainerSpec) -> ContainerSpec:
        """The request for a container that another session may go on with."""
        keeping = self._what.keeping
        if keeping is None:
            return spec
        return replace(spec, keeper=keeping.keeper, labels=keeping.labels(await self._fit()))

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
        made = await self._engine.create(await self._kept(spec))
        book = self._book(made, mounts, is_obedient=True)
        container = ObedientContainer(made, mounts, self._log, book)
        self._open.add(container)
        try:
            await container.start()
            instance = await container.start_version(afresh=False)
        except BaseException:
            await self._discard(container)
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
        spec = spec_reached_at(spec, port)
        name = f"image `{spec.image}`"
        if port is None:
            # Its pipe would end with this process, so that nobody could go on with it.
            container = self._plain(await self._engine.create(spec), mounts, None)
            return await self._served(container, container.serve_pipe(name))
        made = await self._engine.create(await self._kept(spec))
        book = self._book(made, mounts, is_obedient=False)
        container = self._plain(made, mounts, book)
        files = await asyncio.to_thread(mounts.digest)
        instance = await self._served(container, container.serve_http(name, port))
        book.loaded(KeptVersion(number=0, port=port, name=name, files=files))
        return instance

    async def _served(self, container: PlainContainer, serving: Awaitable[Instance]) -> Instance:
        try:
            return await serving
        except BaseException:
            await container.remove()
            raise

    def _per_client(self, spec: ContainerSpec, mounts: Mounts) -> Instance:
        async def open_pipe() -> ContainerPipe:
            return await self._plain(await self._engine.create(spec), None, None).open_pipe()

        async def clean_up() -> None:
            mounts.remove()

        upstream = StdioUpstream(f"image `{spec.image}`", open_pipe, on_close=clean_up)
        return Instance(upstream, took=Step.RESTART)

    def _plain(self, made: Container, mounts: Mounts | None, book: Book | None) -> PlainContainer:
        def forget() -> None:
            self._open.discard(container)
            if mounts is not None:
                mounts.remove()
            if book is not None:
                book.close()

        container = PlainContainer(made, self._log, forget)
        self._open.add(container)
        return container

    def _mounts(self) -> Mounts:
        folder, keeping = self._what.project.folder, self._what.keeping
        own = f"{STAGE}/{os.getpid()}-{next(self._numbers)}"
        stage = own if keeping is None else keeping.stage()
        return Mounts(folder, folder / stage, list(self._what.places))

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

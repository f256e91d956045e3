"""A real container engine. Keeps the contract `Containers`."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Self
from urllib.parse import quote

import anyio
import anyio.to_thread

from hud.containers import custody, labels, watchdog
from hud.containers.body import create_body
from hud.containers.contract import (
    BuildRequest,
    BuildResult,
    Container,
    EngineInfo,
    Event,
    Image,
    Progress,
    Resource,
)
from hud.containers.door import Door
from hud.containers.dwelling import Dwelling, find_dwelling, joined
from hud.containers.failures import Conflict, EngineUnavailable, NotFound
from hud.containers.images.builder import Builder
from hud.containers.images.names import image_name
from hud.containers.inspection import event_from, image_from, info_from, resource_from, unix_time
from hud.containers.networks import SharedNetworks
from hud.containers.policy import NETWORKS, check
from hud.containers.running import EngineContainer, remove_container
from hud.containers.spec import ContainerSpec
from hud.errors import DockerFailure

logger = logging.getLogger(__name__)

_TRIES = 3
_CLOSE_SECONDS = 60.0
_SHORT_NAME = 40
_SETTLE_SECONDS = 0.15

_numbers = itertools.count(1)


class Engine:
    """The engine at `host`, or the one that `DOCKER_HOST` or Docker's current context names.

    Entering it removes what dead owners left; leaving it removes the containers that were made
    through it.
    """

    def __init__(
        self,
        host: str | None = None,
        *,
        parallel_starts: int | None = None,
        dwelling: Dwelling | None = None,
    ) -> None:
        """`dwelling` is what is known of the container that this process lives in; the engine is
        asked for the rest.
        """
        self._dwelling = dwelling
        self._door = Door(host)
        self._made: set[str] = set()
        self._networks = SharedNetworks(self._door)
        self._guarded = False
        self._parallel_starts = parallel_starts or os.cpu_count() or 1
        self._starts: anyio.CapacityLimiter | None = None
        self.reaped: list[Resource] = []

    async def __aenter__(self) -> Self:
        self._starts = anyio.CapacityLimiter(self._parallel_starts)
        await self._door.open()
        self._dwelling = joined(await find_dwelling(self._door), self._dwelling)
        self.reaped = await self.reap()
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await self._clear_up()
        with anyio.CancelScope(shield=True):
            await self._door.close()

    async def _clear_up(self) -> None:
        """Remove what was made; the watchdog stays on guard if that fails."""
        with suppress(DockerFailure):
            await self._door.settle()
            left: list[Resource] = []
            if self._made or self._networks.used:
                left = [item for item in await self.resources() if self._is_mine(item)]
            gone = await self._remove_all(left)
            if self._guarded and all(item in gone for item in left if item.kind == "container"):
                watchdog.release(self._door.same_for_a_child)

    def _is_mine(self, item: Resource) -> bool:
        if item.kind == "container":
            return item.name in self._made and item.owner == labels.this_process()
        return item.kind == "network"

    async def _remove_all(self, resources: Iterable[Resource]) -> list[Resource]:
        """Remove them, containers first because these hold the others; returns those that went."""
        gone: list[Resource] = []

        async def take(item: Resource) -> None:
            try:
                if await self.remove(item):
                    gone.append(item)
            except DockerFailure as failure:
                logger.warning("%s", failure.message)

        for kind in ("container", "network", "volume"):
            async with anyio.create_task_group() as group:
                for item in resources:
                    if item.kind == kind:
                        group.start_soon(take, item)
        return gone

    async def info(self) -> EngineInfo:
        client = self._door.client
        version = await self._door.ask("cannot ask the engine for its version", client.version)
        details = await self._door.ask("cannot ask the engine for its set-up", client.info)
        return info_from(version, details, self._door.host)

    async def image(self, name: str) -> Image | None:
        what = f"cannot look at image `{name}`"
        try:
            return image_from(await self._door.ask(what, self._door.client.inspect_image, name))
        except NotFound:
            return None

    async def images(self) -> list[Image]:
        what, only = "cannot list what hud built", {"label": labels.SOURCE}
        found = await self._door.ask(what, self._door.client.images, filters=only)
        tags = [tag for details in found for tag in details["RepoTags"] or []]
        return [image for tag in tags if (image := await self.image(tag)) is not None]

    async def remove_image(self, tag: str) -> bool:
        what = f"cannot remove image `{tag}`"
        try:
            await self._door.change(what, self._door.client.remove_image, tag)
        except (Conflict, NotFound):
            return False
        return True

    async def create(self, spec: ContainerSpec) -> Container:
        owned = {
            labels.OWNER: str(labels.this_process()),
            labels.RUN: spec.run,
            labels.GENERATION: str(spec.generation),
        }
        body = create_body(spec, owned)
        body["Labels"][labels.REQUEST] = _digest(body)
        check(body, spec.sandbox, engine_socket=self._door.socket_file)
        if self._dwelling is not None:
            for mount in body["HostConfig"]["Mounts"]:
                if mount["Type"] == "bind":
                    mount["Source"] = self._dwelling.host_path(mount["Source"])
        await self._prepare(spec)
        name = spec.name or _unused_name(spec.image)
        self._made.add(name)
        identity = await self._create_once(name, body)
        return EngineContainer(self._door, self, identity, name, spec)

    async def adopt(self, resource: Resource, spec: ContainerSpec) -> Container | None:
        name = custody.name_of(resource.name, labels.this_process())
        if name is None:
            return None
        await self._prepare(spec)
        self._made.add(name)
        for _ in range(_TRIES):
            if not await self._rename(resource.id, name):
                self._made.discard(name)
                return None
            # Whoever had found it without an owner just before may still be about to note that.
            await anyio.sleep(_SETTLE_SECONDS)
        return EngineContainer(self._door, self, resource.id, name, spec)

    async def _prepare(self, spec: ContainerSpec) -> None:
        """See to what a container of ours needs beside itself."""
        if not self._guarded:
            self._guarded = True
            await anyio.to_thread.run_sync(watchdog.guard, self._door.same_for_a_child)
        await self._networks.ensure(spec.sandbox.network)

    async def _create_once(self, name: str, body: Mapping[str, Any]) -> str:
        """Create under a name that only this request has, so that asking again cannot make two."""
        what = f"cannot create a container of `{body['Image']}`"
        create = self._door.client.create_container_from_config
        for attempt in range(_TRIES):
            try:
                answer = await self._door.change(what, create, body, name)
                return str(answer["Id"])
            except Conflict as conflict:
                return await self._made_before(name, body["Labels"], conflict)
            except EngineUnavailable:
                if attempt == _TRIES - 1:
                    raise
                await anyio.sleep(0.2 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _made_before(self, name: str, own: Mapping[str, str], conflict: Conflict) -> str:
        """The container that an earlier attempt of the same request made, or the conflict."""
        what = f"cannot look at container `{name}`"
        details = await self._door.ask(what, self._door.client.inspect_container, name)
        found = details["Config"]["Labels"] or {}
        same = all(found.get(key) == own[key] for key in (labels.OWNER, labels.REQUEST))
        if same and details["State"]["Status"] == "created":
            return str(details["Id"])
        self._made.discard(name)
        raise conflict

    @asynccontextmanager
    async def container(self, spec: ContainerSpec) -> AsyncIterator[Container]:
        made = await self.create(spec)
        try:
            yield made
        finally:
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await made.remove()

    async def resources(self) -> list[Resource]:
        client, only = self._door.client, {"label": labels.OWNER}
        what = "cannot list what hud made"
        containers = await self._door.ask(what, client.containers, all=True, filters=only)
        networks = await self._door.ask(what, client.networks, filters=only)
        volumes = await self._door.ask(what, client.volumes, filters=only)
        return [
            *(resource_from("container", details) for details in containers),
            *(resource_from("network", details) for details in networks),
            *(resource_from("volume", details) for details in volumes["Volumes"] or []),
        ]

    async def remove(self, resource: Resource) -> bool:
        if resource.kind == "container":
            await remove_container(self._door, resource.id)
            return True
        client = self._door.client
        call = client.remove_network if resource.kind == "network" else client.remove_volume
        try:
            await self._door.change(f"cannot remove `{resource.name}`", call, resource.id)
        except EngineUnavailable:
            raise
        except DockerFailure:
            # Still in use, or gone already: whoever uses it is looked after on its own.
            return False
        return True

    async def reap(self) -> list[Resource]:
        gone: list[Resource] = []
        for _ in range(_TRIES):
            removed = await self._remove_all(await self._abandoned())
            gone += removed
            # Look again: the engine may still have been making what a dead owner had asked for.
            if not any(item.owner for item in removed):
                break
        return gone

    async def _abandoned(self) -> list[Resource]:
        """What dead owners left, and what is shared, which stays if it is in use."""
        found = await self.resources()
        left = await self._of_the_dead(found)
        waiting = [item for item in left if custody.waits(item, time.time())]
        for item in waiting:
            await self._note_since(item)
        shared = [item for item in found if item.labels[labels.OWNER] == labels.SHARED]
        return [item for item in [*left, *shared] if item not in waiting]

    async def kept(self, keeper: str | None = None) -> list[Resource]:
        left = await self._of_the_dead(await self.resources())
        return [
            item
            for item in left
            if item.kind == "container" and item.keeper and keeper in (None, item.keeper)
        ]

    async def _of_the_dead(self, found: Sequence[Resource]) -> list[Resource]:
        owners = {item.owner for item in found if item.owner is not None}
        dead = {owner for owner in owners if await labels.is_dead(owner, self._find_abode)}
        return [item for item in found if item.owner in dead]

    async def _note_since(self, item: Resource) -> None:
        """Let the next look tell how long nobody has had it."""
        if custody.left_at(item.name) is None and await self._name(item.id) == item.name:
            await self._rename(item.id, custody.name_since(item.name, time.time()))

    async def _rename(self, identity: str, name: str) -> bool:
        """Give a container a name; False if it is gone."""
        if await self._name(identity) == name:
            return True
        try:
            what = f"cannot rename container `{identity}`"
            await self._door.change(what, self._door.client.rename, identity, name)
        except DockerFailure as refused:
            if await self._name(identity) == name:  # another process gave it the same one meanwhile
                return True
            if isinstance(refused, (Conflict, NotFound)):
                return False
            raise
        return True

    async def _name(self, identity: str) -> str | None:
        what = f"cannot look at container `{identity}`"
        try:
            details = await self._door.ask(what, self._door.client.inspect_container, identity)
        except NotFound:
            return None
        return str(details["Name"]).removeprefix("/")

    async def _find_abode(self, host: str) -> labels.Abode | None:
        what = f"cannot look at container `{host}`"
        try:
            details = await self._door.ask(what, self._door.client.inspect_container, host)
        except NotFound:
            return None
        state = details["State"]
        return labels.Abode(state["Running"], unix_time(state["StartedAt"]))

    async def events(self) -> AsyncGenerator[Event, None]:
        filters = quote(json.dumps({"type": ["container"], "label": [labels.OWNER]}))
        path = f"/events?filters={filters}"
        pending = b""
        async with aclosing(self._door.follow("cannot follow events", "GET", path)) as pieces:
            async for piece in pieces:
                *lines, pending = (pending + piece).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield event_from(json.loads(line))
        raise EngineUnavailable("the engine went away")

    async def build(self, request: BuildRequest, progress: Progress | None = None) -> BuildResult:
        return await Builder(self._door, self.image).build(request, progress)

    async def current(self, request: BuildRequest) -> BuildResult | None:
        return await Builder(self._door, self.image).current(request)

    async def begin(self, container: EngineContainer) -> None:
        """Start a container, with as many others at once as there are processors."""
        assert self._starts is not None
        network = container.spec.sandbox.network
        async with self._starts:
            try:
                await container.start_now()
            except NotFound as missing:
                if network == "none" or NETWORKS[network] not in missing.message:
                    raise
                # Another process may have removed the shared network before this container counted
                # as its user.
                await self._networks.ensure(network, anew=True)
                await container.start_now()

    @property
    def is_enclosed(self) -> bool:
        """Whether this process lives in a container of the engine."""
        return self._dwelling is not None

    def forget(self, name: str) -> None:
        """Note that a container is gone."""
        self._made.discard(name)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _unused_name(image: str) -> str:
    """A name that no other container has: this process, and a number that it uses once."""
    owner = hashlib.sha256(str(labels.this_process()).encode()).hexdigest()[:8]
    short = image_name(image.rpartition("/")[2].partition("@")[0])[:_SHORT_NAME].strip("-")
    return f"hud-{short}-{owner}-{next(_numbers)}"

"""An engine in memory, for tests: it keeps the contract `Containers` and the container policy.

An image is a program: a coroutine that reads stdin, writes stdout and stderr and returns an exit
code. A program that raises `MemoryError` was killed for its memory limit.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Self

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from hud.containers import custody, labels
from hud.containers.body import create_body
from hud.containers.contract import (
    BuildRequest,
    BuildResult,
    Container,
    EngineInfo,
    Event,
    ExecResult,
    Image,
    Progress,
    Resource,
    State,
)
from hud.containers.failures import Conflict, NotFound, refusal
from hud.containers.images.context import read_context
from hud.containers.images.names import image_name, image_reference
from hud.containers.output import Head, Tail
from hud.containers.policy import check
from hud.containers.spec import ContainerSpec
from hud.containers.stream import converse
from hud.errors import DockerFailure

KILLED, TERMINATED = 137, 143


@dataclass
class FakeProcess:
    """What a program has of the world."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    stdin: MemoryObjectReceiveStream[bytes]
    stdout: MemoryObjectSendStream[bytes]
    log: Tail
    stderr: Tail

    async def write(self, data: bytes) -> None:
        """Write to stdout; waits while nobody receives."""
        self.log.append(data)
        await self.stdout.send(data)

    def complain(self, data: bytes) -> None:
        """Write to stderr."""
        self.log.append(data)
        self.stderr.append(data)


Program = Callable[[FakeProcess], Awaitable[int]]


@dataclass
class FakeStdio:
    """Keeps the contract `Stdio`."""

    stderr: Tail
    _stdin: MemoryObjectSendStream[bytes]
    _stdout: MemoryObjectReceiveStream[bytes]
    _rest: bytes = b""

    async def send(self, item: bytes) -> None:
        await self._stdin.send(item)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data = self._rest or await self._stdout.receive()
        self._rest = data[max_bytes:]
        return data[:max_bytes]

    async def send_eof(self) -> None:
        self._stdin.close()

    async def aclose(self) -> None:
        self._stdin.close()
        self._stdout.close()


class _Execution:
    """A program at work, connected to one `FakeStdio`."""

    def __init__(self, program: Program, command: tuple[str, ...], env: Mapping[str, str]) -> None:
        self._stdin, stdin = anyio.create_memory_object_stream[bytes](1)
        stdout, self._stdout = anyio.create_memory_object_stream[bytes](1)
        self.log = Tail()
        self._program = program
        self.process = FakeProcess(command, env, stdin, stdout, self.log, Tail())
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self.exit_code: int | None = None
        self.cancelled_code = KILLED
        self.oom_killed = False

    def stdio(self) -> FakeStdio:
        return FakeStdio(self.process.stderr, self._stdin, self._stdout)

    async def run(self) -> None:
        with self.scope, suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            try:
                self.exit_code = await self._program(self.process)
            except MemoryError:
                self.oom_killed = True
        if self.exit_code is None:
            self.exit_code = self.cancelled_code
        self.process.stdout.close()
        self.process.stdin.close()
        self.ended.set()

    async def end(self, code: int) -> None:
        self.cancelled_code = code
        self.scope.cancel()
        await self.ended.wait()

    def close(self) -> None:
        for stream in (self._stdin, self._stdout, self.process.stdin, self.process.stdout):
            stream.close()


@dataclass(eq=False)
class FakeContainer:
    """Keeps the contract `Container`."""

    id: str
    name: str
    spec: ContainerSpec
    _engine: FakeContainers
    _program: Program
    _status: str = "created"
    _main: _Execution = field(init=False)

    def __post_init__(self) -> None:
        self._main = _Execution(self._program, tuple(self.spec.command or ()), self.spec.env)

    async def attach(self) -> FakeStdio:
        return self._main.stdio()

    async def start(self) -> None:
        self._require("created", "start")
        self._status = "running"
        self._engine.happened(self, "start")
        self._engine.group.start_soon(self._run)

    async def _run(self) -> None:
        await self._main.run()
        if self._status != "removed":
            self._status = "exited"
        self._engine.happened(self, "die")

    async def state(self) -> State:
        if self._status == "removed":
            raise NotFound(f"cannot look at container `{self.name}`: there is none")
        return State(
            status=self._status,
            exit_code=self._main.exit_code,
            oom_killed=self._main.oom_killed,
            memory=self.spec.sandbox.memory,
        )

    async def address(self, port: int) -> tuple[str, int]:
        if self.spec.sandbox.network == "none" or port not in self.spec.ports:
            raise DockerFailure(f"port {port} of container `{self.name}` cannot be reached")
        return "127.0.0.1", self.spec.ports[port] or port

    async def logs(self, lines: int = 200) -> str:
        return "\n".join(self._main.log.lines(lines))

    async def execute(
        self, command: Sequence[str], *, seconds: float, stdin: bytes = b"", limit: int = 10_000_000
    ) -> ExecResult:
        execution = self._exec(command)
        stdout = Head(limit)
        with anyio.move_on_after(seconds) as scope:
            await converse(execution.stdio(), stdin, stdout)
            await execution.ended.wait()
        if scope.cancelled_caught:
            await execution.end(KILLED)
        execution.close()
        return ExecResult(
            exit_code=None if scope.cancelled_caught else execution.exit_code,
            stdout=bytes(stdout.data),
            stderr=execution.process.stderr.text().encode(),
            timed_out=scope.cancelled_caught,
            dropped=stdout.dropped,
        )

    async def open(self, command: Sequence[str]) -> FakeStdio:
        return self._exec(command).stdio()

    def _exec(self, command: Sequence[str]) -> _Execution:
        self._require("running", "run a command in")
        execution = _Execution(self._program, tuple(command), self.spec.env)
        self._engine.group.start_soon(execution.run)
        return execution

    def _require(self, status: str, verb: str) -> None:
        if self._status != status:
            raise Conflict(f"cannot {verb} container `{self.name}`: it is {self._status}")

    async def wait(self) -> State:
        await self._main.ended.wait()
        return await self.state()

    async def stop(self) -> None:
        await self._end(TERMINATED)

    async def kill(self, signal: str = "KILL") -> None:
        await self._end(KILLED if signal == "KILL" else TERMINATED)

    async def _end(self, code: int) -> None:
        if self._status in {"running", "paused"}:
            await self._main.end(code)
            self._status = "exited"

    async def pause(self) -> None:
        self._require("running", "pause")
        self._status = "paused"
        self._engine.happened(self, "pause")

    async def unpause(self) -> None:
        self._require("paused", "unpause")
        self._status = "running"
        self._engine.happened(self, "unpause")

    async def remove(self) -> None:
        await self._end(KILLED)
        self._main.close()
        self._status = "removed"
        self._engine.made.pop(self.name, None)


class FakeContainers:
    """Keeps the contract `Containers`. `programs` are the images, by name."""

    def __init__(self, programs: Mapping[str, Program]) -> None:
        self.images_by_tag = {image_reference(name): _image(name) for name in programs}
        self.made: dict[str, FakeContainer] = {}
        self.left_behind: list[Resource] = []
        """What earlier processes made; `reap` removes that of the dead."""
        self.reaped: list[Resource] = []
        self.group: TaskGroup
        self._programs = {image_reference(name): program for name, program in programs.items()}
        self._numbers = itertools.count(1)
        self._listeners: list[MemoryObjectSendStream[Event]] = []

    async def __aenter__(self) -> Self:
        self.group = anyio.create_task_group()
        await self.group.__aenter__()
        self.reaped = await self.reap()
        return self

    async def __aexit__(self, *error: object) -> None:
        for container in list(self.made.values()):
            with anyio.CancelScope(shield=True):
                await container.remove()
        self.group.cancel_scope.cancel()
        await self.group.__aexit__(None, None, None)

    async def info(self) -> EngineInfo:
        return EngineInfo(version="0", api_version="1.45", host="memory", cpus=1)

    async def image(self, name: str) -> Image | None:
        for tag, image in self.images_by_tag.items():
            if name == image.id or image_reference(name) == tag:
                return image
        return None

    async def build(self, request: BuildRequest, progress: Progress | None = None) -> BuildResult:
        if (found := await self.current(request)) is not None:
            return found
        tag, source = _tag_and_source(request)
        self.images_by_tag[tag] = replace(_image(tag, source), labels={labels.SOURCE: source})
        self._programs.setdefault(tag, _sleep)
        return BuildResult(self.images_by_tag[tag], tag, source, False, 0.0)

    async def current(self, request: BuildRequest) -> BuildResult | None:
        tag, source = _tag_and_source(request)
        found = self.images_by_tag.get(tag)
        is_same = found is not None and found.labels.get(labels.SOURCE) == source
        if found is None or not is_same or request.no_cache:
            return None
        return BuildResult(found, tag, source, True, 0.0)

    async def images(self) -> list[Image]:
        return [image for image in self.images_by_tag.values() if labels.SOURCE in image.labels]

    async def remove_image(self, tag: str) -> bool:
        return self.images_by_tag.pop(image_reference(tag), None) is not None

    async def create(self, spec: ContainerSpec) -> Container:
        body = create_body(spec, _labels(spec))
        check(body, spec.sandbox)
        image = await self.image(spec.image)
        if image is None:
            what = f"cannot create a container of `{spec.image}`"
            raise refusal(what, 404, f"No such image: {spec.image}")
        number = next(self._numbers)
        name = spec.name or f"hud-{image_name(spec.image)}-{number}"
        if name in self.made:
            raise Conflict(f"cannot create container `{name}`: the name is in use")
        program = self._programs[image_reference(image.tags[0])]
        container = FakeContainer(f"{number:064x}", name, spec, self, program)
        self.made[name] = container
        return container

    @asynccontextmanager
    async def container(self, spec: ContainerSpec) -> AsyncIterator[Container]:
        made = await self.create(spec)
        try:
            yield made
        finally:
            with anyio.CancelScope(shield=True):
                await made.remove()

    async def resources(self) -> list[Resource]:
        own = [
            Resource(
                "container", made.id, made.name, _labels(made.spec), made.spec.image, made._status
            )
            for made in self.made.values()
        ]
        return [*own, *self.left_behind]

    async def remove(self, resource: Resource) -> bool:
        if resource in self.left_behind:
            self.left_behind.remove(resource)
            return True
        if resource.name in self.made:
            await self.made[resource.name].remove()
            return True
        return False

    async def reap(self) -> list[Resource]:
        now = time.time()
        dead = [item for item in self.left_behind if item.owner and not item.owner.lives]
        gone = [item for item in dead if not custody.waits(item, now)]
        for item in self.left_behind:
            if item in dead and item not in gone and custody.left_at(item.name) is None:
                at = self.left_behind.index(item)
                self.left_behind[at] = replace(item, name=custody.name_since(item.name, now))
        return [item for item in gone if await self.remove(item)]

    async def kept(self, keeper: str | None = None) -> list[Resource]:
        dead = [item for item in self.left_behind if item.owner and not item.owner.lives]
        return [item for item in dead if item.keeper and keeper in (None, item.keeper)]

    async def adopt(self, resource: Resource, spec: ContainerSpec) -> Container | None:
        name = custody.name_of(resource.name, labels.this_process())
        image = await self.image(spec.image)
        if resource not in self.left_behind or name is None or image is None:
            return None
        self.left_behind.remove(resource)
        program = self._programs[image_reference(image.tags[0])]
        container = FakeContainer(resource.id, name, spec, self, program)
        self.made[name] = container
        await container.start()
        return container

    async def events(self) -> AsyncGenerator[Event, None]:
        send, receive = anyio.create_memory_object_stream[Event](1000)
        self._listeners.append(send)
        try:
            async for event in receive:
                yield event
        finally:
            self._listeners.remove(send)
            send.close()
            receive.close()

    def happened(self, container: FakeContainer, action: str) -> None:
        """Tell whoever follows the events."""
        code = container._main.exit_code
        event = Event(container.id, container.name, action, time.time(), code)
        for listener in self._listeners:
            listener.send_nowait(event)


def _tag_and_source(request: BuildRequest) -> tuple[str, str]:
    tag = image_reference(request.tag or image_name(request.folder.name))
    context = read_context(request.folder, request.dockerfile, request.context_limit)
    settings = {**request.build_args, "platform": request.platform or ""}
    return tag, context.digest(settings, request.contexts)


def _image(name: str, seed: str = "") -> Image:
    digest = hashlib.sha256(f"{name}\n{seed}".encode()).hexdigest()
    return Image(id=f"sha256:{digest}", tags=(image_reference(name),))


def _labels(spec: ContainerSpec) -> dict[str, str]:
    return {
        **spec.labels,
        **({custody.KEEPER: spec.keeper} if spec.keeper else {}),
        labels.OWNER: str(labels.this_process()),
        labels.RUN: spec.run,
        labels.GENERATION: str(spec.generation),
    }


async def _sleep(process: FakeProcess) -> int:
    await anyio.sleep_forever()
    return 0

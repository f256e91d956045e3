"""One upstream while it is in service: what it offers, what is under way, if it is the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

import anyio
from anyio.abc import TaskGroup, TaskStatus

from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.upstreams.channel import Channel, envelope, modern_headers
from hud.dev.gateway.upstreams.snapshot import Snapshot, introduce, take
from hud.dev.gateway.upstreams.upstream import (
    NotDelivered,
    Reply,
    Upstream,
    UpstreamFailure,
    media_type,
)

FIRST_DELAY, LONGEST_DELAY = 0.05, 0.5
SHORT_LIFE = 5.0
"""A stream that ended sooner was not worth opening; the next one waits that long."""

LISTEN_FILTER = {
    "toolsListChanged": True,
    "promptsListChanged": True,
    "resourcesListChanged": True,
}


class Owner(Protocol):
    """Who is told of what a generation finds out about its upstream."""

    def lost(self, generation: Generation, failure: UpstreamFailure) -> None:
        """The upstream does not answer."""

    def found(self, generation: Generation, before: Snapshot | None) -> None:
        """The upstream answers (again); `before` is what it offered when last seen."""


class Abandonable(Protocol):
    """A call under way."""

    def abandon(self, cause: str) -> None:
        """Stop waiting for its answer."""

    def cancel(self) -> None:
        """Stop, because the client no longer wants the answer."""


class Generation:
    """An upstream in service: `run` keeps its snapshot true, `retire` ends what reads from it."""

    def __init__(
        self,
        number: int,
        upstream: Upstream,
        limits: Limits,
        owner: Owner,
        identity: str | None = None,
    ) -> None:
        """`identity` tells an instance that the next gateway may find again from others."""
        self.number = number
        self.identity = identity
        self.upstream = upstream
        self.snapshot: Snapshot | None = None
        self.retired = False
        self.calls: set[Abandonable] = set()
        """The calls that were delivered to it and are not answered yet."""
        self._limits = limits
        self._owner = owner
        self._channel: Channel | None = None
        self._doubt = anyio.Event()
        self._emptied = anyio.Event()
        self._tasks: TaskGroup | None = None
        self._short_lives = 0

    @property
    def is_modern(self) -> bool:
        """Whether the upstream speaks the newer era."""
        return self.snapshot is not None and self.snapshot.is_modern

    def enter(self, call: Abandonable) -> None:
        """A call is delivered to this upstream."""
        self.calls.add(call)

    def leave(self, call: Abandonable) -> None:
        """A call is over, one way or the other."""
        self.calls.discard(call)
        if not self.calls:
            self._emptied.set()

    async def drained(self, seconds: float) -> None:
        """Wait until no call is under way on it, for so long at most."""
        with anyio.move_on_after(seconds):
            while self.calls:
                self._emptied = anyio.Event()
                await self._emptied.wait()

    def adopt(self, snapshot: Snapshot, channel: Channel | None) -> None:
        """Take over what was found out about the upstream, and the conversation in which it was."""
        self.snapshot = snapshot
        self._channel = channel

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch the upstream, and be the parent of all that reads streams of it, until retired."""
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._watch)
            task_status.started()

    def start(self, work: Callable[..., object], *given: object) -> None:
        """Run something that reads from this upstream for as long as it is in service."""
        if self._tasks is not None and not self.retired:
            self._tasks.start_soon(work, *given)  # type: ignore[arg-type]

    def retire(self) -> None:
        """End everything that reads from it."""
        self.retired = True
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    def suspect(self, failure: UpstreamFailure) -> None:
        """Have a closer look at the upstream; if it surely is not there, calls wait from now on."""
        if isinstance(failure, NotDelivered) and not self.retired:
            self._owner.lost(self, failure)
        self._doubt.set()

    async def check(self) -> None:
        """See whether the upstream answers, in a conversation that disturbs no client's.

        Raises:
            UpstreamFailure: it does not; the stage says where.
        """
        channel = self._channel
        if channel is not None and self.snapshot is not None:
            with contextlib.suppress(UpstreamFailure):
                await take(channel, self.snapshot.hello, self._limits)
                return
            self._doubt.set()
        await (await introduce(self.upstream, self._limits))[1].goodbye()

    async def _watch(self) -> None:
        if self.snapshot is None:
            await self._look()
        while True:
            await self._until_doubt()
            await self._look()

    async def _until_doubt(self) -> None:
        async with anyio.create_task_group() as tasks:
            if self.upstream.watchable and self._channel is not None:
                tasks.start_soon(self._listen, self._channel)
            await self._doubt.wait()
            tasks.cancel_scope.cancel()

    async def _look(self) -> None:
        delay = FIRST_DELAY
        while True:
            self._doubt = anyio.Event()
            try:
                snapshot, channel = await introduce(self.upstream, self._limits)
            except UpstreamFailure as exc:
                self._owner.lost(self, exc)
            else:
                before = self.snapshot
                await self._replace(snapshot, channel)
                self._owner.found(self, before)
                return
            await anyio.sleep(delay)
            delay = min(delay * 1.6, LONGEST_DELAY)

    async def _replace(self, snapshot: Snapshot, channel: Channel) -> None:
        old = self._channel
        self.adopt(snapshot, channel)
        if old is not None:
            await old.goodbye()
        if not self.upstream.watchable:
            await channel.goodbye()
            self._channel = None

    async def _listen(self, channel: Channel) -> None:
        """Follow the upstream's own notices; that they end is a reason to doubt it."""
        opened = anyio.current_time()
        try:
            reply = await self._open(channel)
        except UpstreamFailure:
            self._doubt.set()
            return
        if reply.status != 200 or media_type(reply) != sse.MEDIA_TYPE:
            reply.close()
            return
        await self._follow(reply, channel)
        await self._pause_if_short(anyio.current_time() - opened)
        self._doubt.set()

    async def _pause_if_short(self, life: float) -> None:
        """Let a server that ends its streams at once not be asked again and again."""
        self._short_lives = self._short_lives + 1 if life < SHORT_LIFE else 0
        if self._short_lives > 1:
            await anyio.sleep(SHORT_LIFE * self._short_lives)

    async def _open(self, channel: Channel) -> Reply:
        if not channel.is_modern:
            return await channel.stream()
        method = "subscriptions/listen"
        params = {"notifications": LISTEN_FILTER, "_meta": envelope()}
        body = messages.request("hud-listen", method, params)
        return await channel.post(body, modern_headers(method))

    async def _follow(self, reply: Reply, channel: Channel) -> None:
        cutter = sse.EventCutter(self._limits.max_message)
        try:
            while piece := await reply.receive():
                for event in cutter.feed(piece):
                    await self._heed(event, channel)
        except (UpstreamFailure, sse.EventTooLarge):
            return
        finally:
            reply.close()

    async def _heed(self, event: sse.Event, channel: Channel) -> None:
        """Note what the environment itself tells its clients of, and answer what it asks of one."""
        if b"list_changed" in event.data and self.snapshot is not None:
            self.snapshot = await take(channel, self.snapshot.hello, self._limits)
            return
        with contextlib.suppress(messages.MalformedMessage):
            message = messages.read_message(event.data or b"[]")
            if message.kind == "request":
                await channel.tell(answer_for_nobody(message))


def answer_for_nobody(message: messages.Message) -> bytes:
    """The answer to a server's request when there is no client to ask."""
    if message.method == "ping":
        return messages.result(message.id, {})
    return messages.error(
        message.id,
        messages.METHOD_NOT_FOUND,
        f"there is no client that could answer `{message.method}`",
    )

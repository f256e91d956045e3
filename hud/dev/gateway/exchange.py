"""One request of a client on its way through: held, delivered, and answered exactly once.

1. Nothing is delivered while there is no upstream; the call waits at the gate, bounded.
2. What was surely not delivered is tried again: a refused connection, a forgotten session.
3. What may have been delivered is not: the client gets one error that says "outcome unknown",
   unless the method or the tool is safe to repeat and the client has seen nothing of it yet.
4. A stream that ends without the answer is a loss too, unless the client can resume it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator

import anyio

from hud.dev.gateway.answer import Answer, refuse
from hud.dev.gateway.gate import Gate, Refused, Wait
from hud.dev.gateway.generation import Generation
from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.relay import Call, Forgotten, Relay
from hud.dev.gateway.sessions import Session, SessionRefused
from hud.dev.gateway.upstreams.channel import LAST_EVENT, Channel
from hud.dev.gateway.upstreams.snapshot import Snapshot
from hud.dev.gateway.upstreams.upstream import (
    Headers,
    Interrupted,
    NotDelivered,
    Outgoing,
    UpstreamFailure,
)

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.1
REPEATABLE = frozenset(
    [
        "completion/complete",
        "initialize",
        "logging/setLevel",
        "ping",
        "prompts/list",
        "resources/list",
        "resources/subscribe",
        "resources/templates/list",
        "resources/unsubscribe",
        "server/discover",
        "tools/list",
    ]
)
"""Methods that may be repeated. Reading a resource or getting a prompt may do work."""

Route = Callable[[Generation], Awaitable[Channel]]


class Exchange:
    """Carries one call; `session` is None for calls of the newer era."""

    def __init__(
        self, call: Call, answer: Answer, gate: Gate, limits: Limits, session: Session | None = None
    ) -> None:
        self._call = call
        self._answer = answer
        self._gate = gate
        self._limits = limits
        self._session = session
        self._relay = Relay(call, answer, limits, session)
        self._wait = Wait(limits, self._note)
        self._scope = anyio.CancelScope()
        self._generation: Generation | None = None
        self._abandoned: str | None = None
        self._was_cancelled = False
        self._was_repeated = False

    def abandon(self, cause: str) -> None:
        """Stop waiting for the upstream's answer; the client gets an error that names `cause`."""
        self._abandoned = cause
        self._scope.cancel()

    def cancel(self) -> None:
        """Stop, because the client no longer wants the answer."""
        self._was_cancelled = True
        self._scope.cancel()

    async def run(self, route: Route) -> None:
        """Carry the call to wherever `route` leads, and the answer back."""
        with self._enlisted():
            try:
                while not await self._interruptible(route):
                    pass
            except Refused as refused:
                data = {"outcome": "not delivered", "reason": refused.reason}
                text = f"{self._call.label}: {refused}"
                await self._fail(messages.CONNECTION_LOST, text, data, refused.status)

    async def resume(self, channel: Channel, event_id: bytes) -> None:
        """Go on with a stream that the upstream had ended before it answered."""
        headers = [*channel.headers(self._call.headers), (LAST_EVENT, event_id)]
        try:
            await self._carry(channel, Outgoing("GET", headers))
        except (UpstreamFailure, Forgotten) as exc:
            reason = exc.reason if isinstance(exc, UpstreamFailure) else "the session was restarted"
            await self._answer.begin(sse.HEADERS)
            await self._lose(Interrupted("stream", reason))

    @contextlib.contextmanager
    def _enlisted(self) -> Iterator[None]:
        """Let the session know of the call, so that it can be cancelled and the session is busy."""
        if self._session is None:
            yield
            return
        session, expects = self._session, self._call.message.expects
        session.calls |= dict.fromkeys(expects, self)
        try:
            yield
        finally:
            for request_id in expects:
                if session.calls.get(request_id) is self:
                    del session.calls[request_id]
                    session.carried.pop(request_id, None)
            session.touch()

    async def _interruptible(self, route: Route) -> bool:
        """Whether the client has its answer; if not, the call is to be tried again."""
        with anyio.CancelScope() as self._scope:
            return await self._attempt(route)
        if self._was_cancelled:
            await self._fail(messages.REQUEST_CANCELLED, "the request was cancelled", None)
            return True
        cause, self._abandoned = self._abandoned or "", None
        return not self._relay.owed or await self._settle(Interrupted("reload", cause))

    async def _attempt(self, route: Route) -> bool:
        generation = self._generation = await self._gate.admit(self._wait)
        try:
            channel = await route(generation)
        except NotDelivered as exc:
            generation.suspect(exc)
            return False
        except Interrupted as exc:
            generation.suspect(exc)
            await self._retry_later(exc)
            return False
        except SessionRefused as exc:
            error = exc.answer.get("error")
            await self._fail(messages.CONNECTION_LOST, f"initialize: {exc}", error)
            return True
        return await self._deliver(generation, channel)

    async def _deliver(self, generation: Generation, channel: Channel) -> bool:
        body = self._call.message.body
        outgoing = Outgoing("POST", channel.headers(self._call.headers), body)
        generation.enter(self)
        try:
            await self._carry(channel, outgoing)
        except Forgotten:
            return False
        except NotDelivered as exc:
            generation.suspect(exc)
            return False
        except Interrupted as exc:
            generation.suspect(exc)
            return await self._settle(exc)
        finally:
            generation.leave(self)
        return True

    async def _carry(self, channel: Channel, outgoing: Outgoing) -> None:
        if self._session is not None:
            self._session.carried |= dict.fromkeys(self._call.message.expects, channel)
        await self._relay.run(channel, outgoing)

    async def _settle(self, failure: Interrupted) -> bool:
        """Have a call of unknown outcome repeated if that is safe, else tell the client."""
        if self._may_repeat(self._generation.snapshot if self._generation else None):
            self._was_repeated = True
            self._wait = Wait(self._limits, self._note)
            return False
        await self._lose(failure)
        return True

    def _may_repeat(self, snapshot: Snapshot | None) -> bool:
        if self._was_repeated or self._relay.has_passed or not self._relay.owed:
            return False
        message = self._call.message
        if message.method == "tools/call":
            return snapshot is not None and message.params.get("name") in snapshot.repeatable
        return message.method in REPEATABLE

    async def _retry_later(self, failure: Interrupted) -> None:
        if self._wait.remaining() <= RETRY_SECONDS:
            raise Refused(503, f"the environment is not available: {failure}")
        await anyio.sleep(RETRY_SECONDS)

    async def _note(self, cause: str) -> None:
        """Tell a client that wants to hear of progress what its call waits for."""
        token = self._call.message.progress_token
        if token is None:
            return
        await self._answer.begin(sse.HEADERS)
        # Just below zero and rising, so that the environment's own progress is still an increase.
        progress = -1e-6 * max(self._wait.remaining(), 0.0)
        params = {"progressToken": token, "progress": progress, "message": f"waiting: {cause}"}
        note = messages.notification("notifications/progress", params)
        await self._answer.event(sse.write_event(note))

    async def _lose(self, failure: Interrupted) -> None:
        text = f"{self._call.label}: outcome unknown: {failure}"
        data = {"outcome": "unknown", "stage": failure.stage, "reason": failure.reason}
        await self._fail(messages.CONNECTION_LOST, text, data)

    async def _fail(self, code: int, text: str, data: object, status: int = 200) -> None:
        """Answer every request that is still owed an answer with an error."""
        owed, self._relay.owed = self._relay.owed, set()
        errors = [messages.error(request_id, code, text, data) for request_id in owed]
        if not errors:
            # Nobody waits for an answer to a notification, and some clients end over a failed one.
            logger.info("not delivered: %s", text)
            await self._answer.document(202, [], b"")
            return
        if self._answer.is_streaming:
            await self._answer.end(b"".join(map(sse.write_event, errors)))
            return
        body = errors[0] if len(errors) == 1 else b"[" + b",".join(errors) + b"]"
        retry: Headers = [(b"retry-after", b"5")] if status in (429, 503) else []
        await refuse(self._answer, status, body, retry)

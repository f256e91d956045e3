"""One conversation with an upstream: its headers, and requests of the gateway's own."""

from __future__ import annotations

import contextlib
from typing import Any

import anyio

from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.protocol.messages import JsonObject, Message, RequestId
from hud.dev.gateway.upstreams.upstream import (
    Headers,
    Interrupted,
    Outgoing,
    Reply,
    Stage,
    Upstream,
    UpstreamFailure,
    header,
    media_type,
    read_all,
)

SESSION = b"mcp-session-id"
VERSION = b"mcp-protocol-version"
METHOD = b"mcp-method"
NAME = b"mcp-name"
LAST_EVENT = b"last-event-id"

MODERN = "2026-07-28"
LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
IMPLIED_LEGACY = "2025-03-26"
"""What a request without a version header speaks."""

META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META_CLIENT = "io.modelcontextprotocol/clientInfo"
META_LOG_LEVEL = "io.modelcontextprotocol/logLevel"
META_SERVER = "io.modelcontextprotocol/serverInfo"
META_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"

OWN_NAME = {"name": "hud-gateway", "version": "1"}
OWN_HEADERS: Headers = [
    (b"accept", b"application/json, text/event-stream"),
    (b"content-type", b"application/json"),
]
GOODBYE_SECONDS = 2.0


class Channel:
    """A conversation with one upstream: a session of the older era, or none for the newer one."""

    def __init__(
        self, upstream: Upstream, limits: Limits, *, version: str, session_id: bytes | None = None
    ) -> None:
        self.upstream = upstream
        self.version = version
        self.session_id = session_id
        self._limits = limits
        self._asked = 0

    @property
    def is_modern(self) -> bool:
        """Whether it speaks the era without sessions."""
        return self.version == MODERN

    def headers(self, given: Headers | None = None) -> Headers:
        """A client's headers, or the gateway's own, with this conversation's session and version.

        Where the client names a version, it is replaced by the one that the upstream agreed to.
        """
        headers = [pair for pair in given or OWN_HEADERS if pair[0] != SESSION]
        if self.version and (given is None or header(headers, VERSION) is not None):
            headers = [pair for pair in headers if pair[0] != VERSION]
            headers.append((VERSION, self.version.encode()))
        if self.session_id is not None:
            headers.append((SESSION, self.session_id))
        return headers

    async def post(self, body: bytes, headers: Headers | None = None) -> Reply:
        """Send a message, with a client's headers or the gateway's own."""
        return await self.upstream.send(Outgoing("POST", self.headers(headers), body))

    async def stream(self, last_event_id: bytes | None = None) -> Reply:
        """Open the stream of messages that belong to no request, from after `last_event_id`."""
        headers = self.headers([(b"accept", sse.MEDIA_TYPE)])
        if last_event_id is not None:
            headers.append((LAST_EVENT, last_event_id))
        return await self.upstream.send(Outgoing("GET", headers))

    async def ask(
        self, method: str, params: JsonObject | None = None, *, stage: Stage, seconds: float
    ) -> JsonObject:
        """Send a request of the gateway's own; the answer, an error included.

        Raises:
            NotDelivered: the upstream cannot be reached.
            Interrupted: it did not answer properly, or not in time.
        """
        self._asked += 1
        request_id = f"hud-{self._asked}"
        content = params or {}
        headers = None
        if self.is_modern:
            content = {**content, "_meta": envelope()}
            headers = modern_headers(method)
        body = messages.request(request_id, method, content)
        return await self.ask_raw(body, request_id, stage=stage, seconds=seconds, headers=headers)

    async def ask_raw(
        self,
        body: bytes,
        request_id: RequestId,
        *,
        stage: Stage,
        seconds: float,
        headers: Headers | None = None,
    ) -> JsonObject:
        """As `ask`, with a request's own bytes; `initialize` binds the channel to its session."""
        try:
            with anyio.fail_after(seconds):
                reply = await self.post(body, headers)
                try:
                    answer = await self._answer(reply, request_id)
                finally:
                    reply.close()
        except TimeoutError:
            raise Interrupted(stage, f"no answer within {seconds:g} s") from None
        except Interrupted as exc:
            raise Interrupted(stage, exc.reason, status=exc.status) from exc
        if stage == "initialize" and self.session_id is None:
            self.session_id = header(reply.headers, SESSION)
        return answer

    async def _answer(self, reply: Reply, request_id: RequestId) -> JsonObject:
        if media_type(reply) == sse.MEDIA_TYPE and reply.status == 200:
            return await self._answer_in_stream(reply, request_id)
        body = await read_all(reply, self._limits.max_message)
        with contextlib.suppress(messages.MalformedMessage):
            message = messages.read_message(body)
            if message.kind == "response":
                answer: JsonObject = message.content
                return answer
        excerpt = body[:200].decode(errors="replace")
        reason = f"HTTP {reply.status}: {excerpt or 'an empty answer'}"
        raise Interrupted("answer", reason, status=reply.status)

    async def _answer_in_stream(self, reply: Reply, request_id: RequestId) -> JsonObject:
        cutter = sse.EventCutter(self._limits.max_message)
        while piece := await reply.receive():
            for event in cutter.feed(piece):
                message = _message_in(event)
                if message is not None and message.kind == "response" and message.id == request_id:
                    answer: JsonObject = message.content
                    return answer
        raise Interrupted("stream", "the stream ended without an answer")

    async def tell(self, body: bytes) -> None:
        """Send a notification or a response; what is said to it does not matter.

        Raises:
            UpstreamFailure: it could not be sent.
        """
        with anyio.move_on_after(self._limits.list_seconds):
            (await self.post(body)).close()

    async def tell_if_possible(self, body: bytes) -> None:
        """As `tell`; that the upstream is gone does not matter."""
        with contextlib.suppress(UpstreamFailure):
            await self.tell(body)

    async def goodbye(self) -> None:
        """End the session at the upstream, if it still listens."""
        if self.session_id is None:
            return
        with anyio.move_on_after(GOODBYE_SECONDS), contextlib.suppress(UpstreamFailure):
            (await self.upstream.send(Outgoing("DELETE", self.headers()))).close()


async def initialize(
    channel: Channel, body: bytes, request_id: RequestId, seconds: float, headers: Headers | None
) -> JsonObject:
    """Open a session with a client's own `initialize`; its answer, which may be an error."""
    channel.version = ""
    answer = await channel.ask_raw(
        body, request_id, stage="initialize", seconds=seconds, headers=headers
    )
    version = result_of(answer).get("protocolVersion")
    channel.version = version if isinstance(version, str) else ""
    return answer


def result_of(answer: JsonObject) -> JsonObject:
    """The result, an empty object for an error."""
    result = answer.get("result")
    return result if isinstance(result, dict) else {}


def error_text(answer: JsonObject) -> str:
    """The message of an error, in one line."""
    error: Any = answer.get("error")
    return str(error.get("message", error)) if isinstance(error, dict) else "no result"


def modern_headers(method: str) -> Headers:
    """The headers of a request of the newer era, for the gateway's own."""
    return [*OWN_HEADERS, (VERSION, MODERN.encode()), (METHOD, method.encode())]


def envelope() -> JsonObject:
    """The `_meta` that every request of the newer era carries, for the gateway's own."""
    return {META_VERSION: MODERN, META_CAPABILITIES: {}, META_CLIENT: OWN_NAME}


def _message_in(event: sse.Event) -> Message | None:
    with contextlib.suppress(messages.MalformedMessage):
        return messages.read_message(event.data)
    return None

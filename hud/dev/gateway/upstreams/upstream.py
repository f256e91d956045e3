"""What stands behind the gateway: something that answers HTTP-like requests to one MCP endpoint.

`Upstream` is the seam. `HttpUpstream` reaches a server on TCP or a unix socket; `StdioUpstream`
lets a program's standard input and output answer the same way. Two errors say what a caller may
do next: `NotDelivered` (nothing arrived, so trying again is safe) and `Interrupted` (it may have
been acted upon).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from hud.errors import ConnectionFailure

Headers = list[tuple[bytes, bytes]]
Stage = Literal["connect", "initialize", "list", "send", "answer", "body", "stream", "reload"]
"""Where on its way a request was when it failed; `reload` means that a reload overtook it."""


class UpstreamFailure(ConnectionFailure):
    """The environment's server could not be reached, went away, or spoke nonsense."""

    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason


class NotDelivered(UpstreamFailure):
    """The request surely did not arrive."""

    def __init__(self, reason: str, stage: Stage = "connect") -> None:
        super().__init__(stage, reason)


class Interrupted(UpstreamFailure):
    """The request was under way when the connection failed; what became of it is unknown.

    `status` is the HTTP status, where one came.
    """

    def __init__(self, stage: Stage, reason: str, *, status: int = 0) -> None:
        super().__init__(stage, reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to an upstream's endpoint, which adds the host and the length."""

    method: Literal["POST", "GET", "DELETE"]
    headers: Headers
    body: bytes = b""


class Reply(Protocol):
    """What an upstream answers: a head, then pieces of a body."""

    status: int
    headers: Headers

    async def receive(self) -> bytes:
        """The next piece of the body, empty at its proper end.

        Raises:
            Interrupted: the connection ended before the body did.
        """

    def finish(self) -> None:
        """Be done with a reply that has said what it had to; what follows does not matter."""

    def close(self) -> None:
        """Be done with the reply at once, whether it was read to its end or not."""


class Upstream(Protocol):
    """One running instance of an environment's MCP server."""

    name: str
    """What messages call it."""
    watchable: bool
    """Whether a stream of its own tells the gateway when it restarts."""

    async def send(self, outgoing: Outgoing) -> Reply:
        """Send a request; returns when the head of the answer is there.

        Raises:
            NotDelivered: it could not be reached.
            Interrupted: it went away before it answered.
        """

    async def aclose(self) -> None:
        """End every connection and whatever belongs to the instance."""


def header(headers: Headers, name: bytes) -> bytes | None:
    """The value of the first header of that lower-case name."""
    return next((value for key, value in headers if key == name), None)


def media_type(reply: Reply) -> bytes:
    """The reply's media type without parameters, in lower case."""
    return (header(reply.headers, b"content-type") or b"").split(b";")[0].strip().lower()


async def read_all(reply: Reply, limit: int) -> bytes:
    """The whole body.

    Raises:
        Interrupted: it ended early, or has more than `limit` bytes.
    """
    pieces: list[bytes] = []
    size = 0
    while piece := await reply.receive():
        size += len(piece)
        if size > limit:
            raise Interrupted("body", f"the answer has more than {limit} bytes")
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)

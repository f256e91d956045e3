"""The gateway's limits, in one place."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Bounds on what clients and environments may use; times in seconds, sizes in bytes."""

    hold_seconds: float = 30.0
    """How long a call waits for an environment that is being reloaded or restarted."""
    max_held: int = 1000
    """How many calls may wait at once."""
    start_seconds: float = 60.0
    """How long a new instance may take until it answers at all."""
    initialize_seconds: float = 30.0
    """How long the environment may take to answer `initialize` or `server/discover`."""
    list_seconds: float = 10.0
    """How long it may take to list its tools, prompts or resources."""
    call_seconds: float = 600.0
    """How long a call may be without any message from the environment."""
    call_maximum: float = 4 * 3600.0
    """How long a call may take altogether, even if it reports progress."""
    idle_seconds: float = 1800.0
    """After how long a session without open streams and calls ends."""
    max_sessions: int = 10_000
    max_streams: int = 2_000
    """How many event streams (GET, `subscriptions/listen`) may be open at once."""
    max_calls: int = 2_000
    """How many calls may be under way at once, waiting ones included."""
    max_body: int = 64 * MIB
    """Size of a request."""
    max_message: int = 128 * MIB
    """Size of one message of the environment: a result, an event."""
    max_header: int = 64 * 1024
    """Size of all headers of a request together."""
    body_seconds: float = 60.0
    """How long a client may take to send its request."""
    keep_alive_seconds: float = 15.0
    """How often an open stream that is silent gets a comment."""
    input_seconds: float = 600.0
    """How long a call waits for what a modern client was asked in between."""
    close_seconds: float = 3.0
    """How long calls that are under way may take when the gateway closes."""

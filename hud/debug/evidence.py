"""What is known of a server when a check of it failed. Pure data, and the reading of
`/proc/net/tcp`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LISTENING = "0A"
"""The kernel's number of the state in which a socket waits for connections."""


class Kind(StrEnum):
    """The kinds of failure that are told apart, each with a remedy of its own."""

    NO_IMAGE = "no-image"
    IMPORT = "import"
    NO_ENVIRONMENT = "no-environment"
    WRONG_COMMAND = "wrong-command"
    ENDS_AT_ONCE = "ends-at-once"
    MISSING_MODULE = "missing-module"
    CRASH = "crash"
    STDOUT = "stdout-pollution"
    OTHER_PORT = "other-port"
    LOOPBACK = "loopback"
    NO_ANSWER = "no-answer"
    """Known to a check only: nothing answered the handshake. The remedy says why."""
    BLOCKED = "blocking-start"
    PERMISSION = "permission"
    DISPLAY = "missing-display"
    VARIABLE = "missing-variable"
    MEMORY = "memory-limit"
    NETWORK = "no-network"
    PLATFORM = "other-platform"
    BACKEND = "backend-refused"
    HTTP = "http"
    MODERN_ONLY = "modern-only"
    NOTHING_OFFERED = "nothing-offered"
    TOOL_NAME = "tool-name"
    TOOL_SCHEMA = "tool-schema"
    TOOL_OUTPUT = "tool-output"
    TOOL = "tool"
    SETUP = "scenario-setup"
    GRADING = "scenario-grading"
    REWARD = "reward-range"
    PROMPT_CHANGES = "prompt-changes"
    SHARED_STATE = "shared-state"
    SHUTDOWN = "shutdown"
    LEFTOVERS = "leftovers"
    HANGS = "hangs"
    UNKNOWN = "unknown"


@dataclass(frozen=True, order=True)
class Listener:
    """A TCP socket inside that waits for connections."""

    port: int
    address: str

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Evidence:
    """Everything that `diagnose` looks at."""

    error: str = ""
    """What the check saw, in one line."""
    kind: Kind | None = None
    """The kind of failure, where the check knows it."""
    timed_out: bool = False
    """Whether the check ran into its time limit."""
    detail: str = ""
    """Longer text that belongs to the error, such as a traceback."""
    in_container: bool = True
    """Whether the server runs in a container, not as a process of this machine."""
    started: bool = True
    """Whether there ever was a server."""
    running: bool = True
    """Whether the server's process still runs; of no meaning if there never was one."""
    ending: str = ""
    """How it ended, in words; empty while it runs."""
    exit_code: int | None = None
    out_of_memory: bool = False
    """Whether it, or a process of it, was killed for using more memory than it may."""
    memory: str = ""
    """Its memory limit in words; empty if it has none."""
    command: tuple[str, ...] = ()
    """What was started: entry point and command."""
    port: int | None = None
    """The TCP port that it is expected at; None if it speaks over stdin and stdout."""
    listeners: tuple[Listener, ...] = ()
    """What it listens on inside."""
    mcp_port: int | None = None
    """Another port at which something inside answers MCP."""
    stderr: tuple[str, ...] = ()
    """The last lines of its stderr; of both outputs where they cannot be told apart."""
    noise: tuple[str, ...] = ()
    """Lines that it printed on stdout and that are no protocol."""

    @property
    def is_garbled(self) -> bool:
        """Whether something was printed into the protocol's own lines."""
        return any(is_spoilt(line) for line in self.noise)

    def as_json(self) -> dict[str, Any]:
        """What a reader can use of it; what is empty is left out."""
        fields = {
            "timed_out": self.timed_out,
            **({"running": self.running} if self.started else {}),
            "ending": self.ending,
            "exit_code": self.exit_code,
            "out_of_memory": self.out_of_memory,
            "memory": self.memory,
            "command": list(self.command),
            "port": self.port,
            "listening": [str(listener) for listener in self.listeners],
            "stderr": list(self.stderr),
            "stdout_noise": list(self.noise),
            "detail": self.detail,
        }
        always = ("running", "out_of_memory", "exit_code") if self.started else ()
        return {key: value for key, value in fields.items() if value or key in always}


def is_spoilt(line: str) -> bool:
    """Whether a line that is no protocol holds a message of it."""
    return '"jsonrpc"' in line


def parse_listeners(table: str) -> tuple[Listener, ...]:
    """The listening sockets in the text of `/proc/net/tcp` and `/proc/net/tcp6`, sorted by port.

    The engine's own resolver, which listens in every container that has a network, is left out.
    """
    found = {listener for line in table.splitlines() if (listener := _listener(line.split()))}
    return tuple(sorted(listener for listener in found if listener.address != "127.0.0.11"))


def _listener(columns: list[str]) -> Listener | None:
    if len(columns) < 4 or columns[3] != LISTENING:
        return None
    address, _, port = columns[1].partition(":")
    try:
        return Listener(int(port, 16), _address(bytes.fromhex(address)))
    except ValueError:
        return None


def _address(raw: bytes) -> str:
    """An address as the kernel writes it: each group of four bytes in the machine's order."""
    ordered = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    address = ipaddress.ip_address(ordered)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def reachable(listeners: Iterable[Listener], port: int) -> bool | None:
    """Whether a port can be reached from outside; None if nothing listens on it."""
    own = [listener for listener in listeners if listener.port == port]
    return any(not listener.is_loopback for listener in own) if own else None


def open_elsewhere(listeners: Iterable[Listener], port: int) -> list[int]:
    """The other ports that can be reached from outside; `port` may have opened by now."""
    return sorted({one.port for one in listeners if not one.is_loopback} - {port})

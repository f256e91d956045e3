"""What `hud dev` prints, all of it on standard error: where clients connect, and a line for each
reload.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hud.cli import console
from hud.dev import clients
from hud.dev.front import DevGateway
from hud.dev.gateway import GatewayEvent, Swap
from hud.dev.playtools import PLAY_TOOLS
from hud.dev.session import Event, Failed, Ready, Reloaded
from hud.dev.watcher import Step

DONE = {Step.RELOAD: "reloaded", Step.RESTART: "restarted", Step.REBUILD: "rebuilt"}
SHOWN = 8
"""Names that are listed before the rest is only counted."""


class DevLog:
    """Prints what happens in one dev session."""

    def __init__(self, gateway: DevGateway, url: str | None, *, inspector: bool = False) -> None:
        """`url` is where clients connect; None if the client is at the other end of the standard
        streams.
        """
        self._gateway = gateway
        self._url = url
        self._inspector = inspector

    def show_start(self, watched: Sequence[str], command: str | None) -> None:
        """Say where it will serve, and what is watched; `command` is how it was started, None if
        somebody else runs the server.
        """
        if self._url is not None:
            console.note(f"→ {self._url}")
        if watched:
            console.note(f"→ watching {', '.join(watched)}")
        elif command is None:
            console.note("→ restart the server yourself: clients keep their sessions and are told")
        else:
            console.note(f"→ nothing is watched: reload on save with `{command} -w PATH`")

    def show(self, event: Event) -> None:
        """Print an event of the session."""
        match event:
            case Ready():
                self.show_ready(event.seconds)
            case Reloaded():
                self._show_reload(event)
            case Failed():
                self._show_failure(event)

    def show_ready(self, seconds: float) -> None:
        """Say what is served, and how to connect clients to it."""
        name = self._gateway.environment or "the server"
        tools = [tool for tool in self._gateway.offered("tools") if tool not in PLAY_TOOLS]
        scenarios = self._gateway.scenarios()
        found = _counted("tool", tools)
        if scenarios:
            found += f"; {_counted('scenario', scenarios)}"
        console.note(f"✓ {name} is ready in {_duration(seconds)}: {found}")
        if self._url is not None:
            self._show_clients(self._gateway.environment or "my-env", self._url)

    def _show_clients(self, name: str, url: str) -> None:
        lines = [
            ("Cursor", clients.cursor_link(name, url)),
            ("", f".cursor/mcp.json: {clients.cursor_snippet(name, url)}"),
            ("Claude Code", clients.claude_command(name, url)),
            ("VS Code", f".vscode/mcp.json: {clients.code_snippet(name, url)}"),
        ]
        if self._inspector:
            lines += [
                ("Inspector", clients.inspector_command(url)),
                ("", clients.inspector_link(url)),
            ]
        for label, text in lines:
            console.note(f"  {label:<12} {text}")

    def _show_reload(self, event: Reloaded) -> None:
        done = DONE[event.step]
        console.note(
            f"✓ {event.cause} → {done} in {_duration(event.seconds)}{_differences(event.swap)}"
        )

    def _show_failure(self, event: Failed) -> None:
        after = (
            "the last good version serves on" if event.is_serving else "there is nothing to serve"
        )
        if event.error.detail:
            console.note(event.error.detail.rstrip())
        console.note(f"✗ {event.cause} → {event.error.message}; {after}")
        if event.error.hint:
            console.note(f"  {event.error.hint}")

    def show_gateway(self, event: GatewayEvent) -> None:
        """Print what happened to a server that somebody else runs."""
        if event.kind == "unreachable":
            console.note(f"✗ {event.cause}; calls wait")
        elif event.kind == "reachable" and event.swap is not None:
            console.note(f"✓ {event.cause}{_differences(event.swap)}")

    def show_detail(self, event: GatewayEvent) -> None:
        """Print what the gateway does."""
        console.note(f"  gateway: {event.kind}: {event.cause}")


def show_line(line: str) -> None:
    """Print a line that a program behind the gateway printed."""
    sys.stderr.write(f"{console.clean(line)}\n")
    sys.stderr.flush()


def _differences(swap: Swap) -> str:
    """What differs in what is offered: `; tools: +new -old ~changed`."""
    told = []
    for kind, difference in swap.changes.items():
        names = [f"+{name}" for name in difference.added]
        names += [f"-{name}" for name in difference.removed]
        names += [f"~{name}" for name in difference.changed]
        if names:
            told.append(f"; {kind}: {_listed(names, ' ')}")
    return "".join(told)


def _counted(what: str, names: Sequence[str]) -> str:
    counted = f"{len(names)} {what}{'' if len(names) == 1 else 's'}"
    return f"{counted} ({_listed(names, ', ')})" if names else counted


def _listed(names: Sequence[str], separator: str) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return separator.join(names[:SHOWN]) + more


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"

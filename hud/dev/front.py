"""The gateway of a dev session: its status also tells what happened to the environment."""

from __future__ import annotations

import time
from typing import Any, Literal

from hud.dev.gateway import Gateway
from hud.dev.gateway.upstreams.channel import META_SERVER
from hud.dev.session import Event, Failed, Reloaded

Kind = Literal["tools", "prompts", "resources"]


class DevGateway(Gateway):
    """A gateway that remembers the session's events."""

    last_reload: dict[str, Any] | None = None
    last_failure: dict[str, Any] | None = None

    def note(self, event: Event) -> None:
        """Remember an event for `/status`."""
        if isinstance(event, Failed):
            self.last_failure = {
                "cause": event.cause,
                "reason": event.error.message,
                "traceback": event.error.detail or _notes(event.error),
                "at": time.time(),
                "is_fixed": False,
            }
            return
        if self.last_failure is not None:
            self.last_failure = {**self.last_failure, "is_fixed": True}
        if isinstance(event, Reloaded):
            self.last_reload = {
                "cause": event.cause,
                "step": event.step.name.lower(),
                "seconds": event.seconds,
                "at": time.time(),
            }

    def status(self) -> dict[str, Any]:
        """What is served, who uses it, what was reloaded last and what failed last; plain data."""
        return {
            "environment": self.environment,
            **super().status(),
            "last_reload": self.last_reload,
            "last_error": self.last_failure,
        }

    @property
    def environment(self) -> str | None:
        """The name by which the environment's server introduced itself."""
        snapshot = self.snapshot
        if snapshot is None:
            return None
        meta = snapshot.hello.get("_meta")
        about = meta.get(META_SERVER) if isinstance(meta, dict) else None
        about = about or snapshot.hello.get("serverInfo")
        return str(about["name"]) if isinstance(about, dict) and about.get("name") else None

    def offered(self, kind: Kind) -> list[str]:
        """The names of the tools, prompts or resources that are offered now, in the server's
        order.
        """
        snapshot = self.snapshot
        return list(snapshot.lists.get(kind, {})) if snapshot is not None else []

    def scenarios(self) -> list[str]:
        """What is both a prompt and a resource, without the environment's name."""
        graded = set(self.offered("resources"))
        return [name.rpartition(":")[2] for name in self.offered("prompts") if name in graded]


def _notes(error: BaseException) -> str | None:
    """What was noted about an error: what a program printed before it ended."""
    return "\n".join(getattr(error, "__notes__", ())) or None

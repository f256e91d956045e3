"""What an environment offers at one moment, to compare a reload with what was there before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages
from hud.dev.gateway.protocol.messages import JsonObject
from hud.dev.gateway.upstreams.channel import (
    LEGACY,
    MODERN,
    OWN_NAME,
    Channel,
    error_text,
    initialize,
    result_of,
)
from hud.dev.gateway.upstreams.upstream import Interrupted, Upstream

ListKind = Literal["tools", "prompts", "resources"]
KINDS: tuple[ListKind, ...] = ("tools", "prompts", "resources")
MOST_PAGES = 1000

_LISTS: dict[ListKind, tuple[tuple[str, str, str], ...]] = {
    "tools": (("tools/list", "tools", "name"),),
    "prompts": (("prompts/list", "prompts", "name"),),
    "resources": (
        ("resources/list", "resources", "uri"),
        ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    ),
}


@dataclass(frozen=True)
class Difference:
    """What differs between two lists, by name."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True)
class Snapshot:
    """How an environment introduced itself, and its lists."""

    hello: JsonObject
    """The result of `server/discover` or `initialize`."""
    is_modern: bool
    """Whether it speaks the newer era."""
    lists: dict[ListKind, dict[str, Any]] = field(default_factory=dict)
    """Per kind, the entries by name."""

    @cached_property
    def digests(self) -> dict[str, str]:
        """A fingerprint of each list; the order of its entries does not matter."""
        return {kind: _fingerprint(self.lists.get(kind, {})) for kind in KINDS}

    @cached_property
    def repeatable(self) -> frozenset[str]:
        """The tools that say that calling them twice is as good as once."""
        tools = self.lists.get("tools", {})
        return frozenset(name for name, tool in tools.items() if _is_repeatable(tool))

    def difference(self, before: Snapshot | None, kind: ListKind) -> Difference:
        """How a list differs from what it was `before`."""
        new = self.lists.get(kind, {})
        old = before.lists.get(kind, {}) if before else {}
        return Difference(
            added=tuple(sorted(new.keys() - old.keys())),
            removed=tuple(sorted(old.keys() - new.keys())),
            changed=tuple(
                sorted(name for name in new.keys() & old.keys() if new[name] != old[name])
            ),
        )


def differing(new: dict[str, str], old: dict[str, str]) -> list[ListKind]:
    """The kinds of lists whose fingerprints differ; none if nothing is known of before."""
    return [kind for kind in KINDS if kind in old and old[kind] != new[kind]]


def _fingerprint(entries: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()[:16]


def _is_repeatable(tool: JsonObject) -> bool:
    hints = tool.get("annotations")
    if not isinstance(hints, dict):
        return False
    return hints.get("readOnlyHint") is True or hints.get("idempotentHint") is True


async def introduce(upstream: Upstream, limits: Limits) -> tuple[Snapshot, Channel]:
    """Ask an upstream who it is and what it offers, in a conversation of the gateway's own.

    Raises:
        NotDelivered: it cannot be reached.
        Interrupted: it does not answer properly, or not within the limits; the stage says where.
    """
    channel = Channel(upstream, limits, version=MODERN)
    hello = await _discover(channel, limits)
    if hello is None:
        channel = Channel(upstream, limits, version="")
        hello = await _initialize(channel, limits)
    return await take(channel, hello, limits), channel


async def take(channel: Channel, hello: JsonObject, limits: Limits) -> Snapshot:
    """List everything that `hello` announces.

    Raises:
        Interrupted: a list was refused, or not given in time.
    """
    announced = hello.get("capabilities")
    capabilities = announced if isinstance(announced, dict) else {}
    lists: dict[ListKind, dict[str, Any]] = {}
    for kind in KINDS:
        if isinstance(capabilities.get(kind), dict):
            lists[kind] = {}
            for method, key, name in _LISTS[kind]:
                lists[kind] |= _by_name(await _pages(channel, method, key, limits), name)
    return Snapshot(hello, channel.is_modern, lists)


async def _discover(channel: Channel, limits: Limits) -> JsonObject | None:
    try:
        answer = await channel.ask(
            "server/discover", stage="initialize", seconds=limits.initialize_seconds
        )
    except Interrupted as exc:
        if exc.status:
            return None
        raise
    hello = result_of(answer)
    versions = hello.get("supportedVersions")
    return hello if isinstance(versions, list) and MODERN in versions else None


async def _initialize(channel: Channel, limits: Limits) -> JsonObject:
    params: JsonObject = {"protocolVersion": LEGACY[-1], "capabilities": {}, "clientInfo": OWN_NAME}
    body = messages.request("hud-0", "initialize", params)
    answer = await initialize(channel, body, "hud-0", limits.initialize_seconds, None)
    if "result" not in answer:
        raise Interrupted("initialize", error_text(answer))
    await channel.tell(messages.notification("notifications/initialized"))
    return result_of(answer)


async def _pages(channel: Channel, method: str, key: str, limits: Limits) -> list[JsonObject]:
    entries: list[JsonObject] = []
    params: JsonObject = {}
    for _ in range(MOST_PAGES):
        answer = await channel.ask(method, params, stage="list", seconds=limits.list_seconds)
        if "result" not in answer:
            return _unless_missing(answer, method, entries)
        page = result_of(answer)
        entries += page.get(key) or []
        if not isinstance(cursor := page.get("nextCursor"), str):
            return entries
        params = {"cursor": cursor}
    raise Interrupted("list", f"`{method}` does not end after {MOST_PAGES} pages")


def _unless_missing(answer: JsonObject, method: str, entries: list[JsonObject]) -> list[JsonObject]:
    """No entries where the method does not exist: servers announce more than they have."""
    error = answer.get("error")
    if isinstance(error, dict) and error.get("code") == messages.METHOD_NOT_FOUND:
        return entries
    raise Interrupted("list", f"`{method}` failed: {error_text(answer)}")


def _by_name(entries: Iterable[JsonObject], name: str) -> dict[str, Any]:
    return {str(entry.get(name)): entry for entry in entries if isinstance(entry, dict)}

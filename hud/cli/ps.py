"""`hud ps`: list the containers, networks and volumes that hud made."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from hud.cli import console
from hud.containers import Engine, Resource

HEADINGS = ("KIND", "NAME", "IMAGE", "STATUS", "AGE", "OWNER")


def ps(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """List what hud made and what is still there: containers, networks, volumes, with their owners.

    What dead processes left behind is removed first, as by every command that uses containers.
    """
    found, reaped = asyncio.run(_look())
    if reaped:
        console.note(told_of_reaped(reaped))
    if as_json:
        console.data(json.dumps([_described(item) for item in found], indent=2))
    elif found:
        console.plain(table(found, time.time()))
    else:
        console.note("nothing is running")
    return 0


async def _look() -> tuple[list[Resource], Sequence[Resource]]:
    async with Engine() as engine:
        return await engine.resources(), engine.reaped


def told_of_reaped(reaped: Sequence[Resource]) -> str:
    """One line about what was removed; empty if nothing was."""
    return f"removed what dead processes had left: {count(reaped)}" if reaped else ""


def count(resources: Sequence[Resource]) -> str:
    """How many of each kind: `2 containers, 1 volume`."""
    kinds = Counter(item.kind for item in resources)
    return ", ".join(
        f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in kinds.items()
    )


def table(resources: Sequence[Resource], now: float) -> str:
    """The resources for a reader; `now` is the time in seconds since 1970."""
    rows = [HEADINGS, *(_row(item, now) for item in resources)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _row(item: Resource, now: float) -> tuple[str, ...]:
    return (item.kind, item.name, item.image, item.status, age(now - item.created), owner_of(item))


def owner_of(item: Resource) -> str:
    """Whose it is, and whether that process lives, as far as this machine can see."""
    owner = item.owner
    if owner is None:
        return "shared"
    if not owner.is_local:
        return f"process {owner.pid} on {owner.host}"
    if owner.lives:
        return f"process {owner.pid}, alive"
    return f"process {owner.pid}, dead{', kept for its controller' if item.keeper else ''}"


def age(seconds: float) -> str:
    """A time span in its largest unit: `12 s`, `3 min`, `5 h`, `2 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _described(item: Resource) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "id": item.id,
        "name": item.name,
        "image": item.image,
        "status": item.status,
        "created": item.created,
        "owner": owner_of(item),
        "run": item.run,
    }

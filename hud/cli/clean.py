"""`hud clean`: remove what hud made: what dead processes left, or everything, or images too."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from hud.cli import console
from hud.cli.ps import count, table, told_of_reaped
from hud.containers import Containers, Engine, Image, Resource
from hud.errors import UserError


def clean(
    everything: Annotated[
        bool, typer.Option("--all", help="Also what living processes use.")
    ] = False,
    images: Annotated[
        bool, typer.Option("--images", help="Also the images that hud built.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> int:
    """Remove the containers, networks and volumes that dead processes left behind.

    Exit status: 0 everything that was to go is gone, 1 something is still in use.
    """
    return asyncio.run(_clean(everything, images, yes))


async def _clean(everything: bool, images: bool, yes: bool) -> int:
    async with Engine() as engine:
        waiting = await engine.kept()
        gone = [*engine.reaped, *[item for item in waiting if await engine.remove(item)]]
        console.note(told_of_reaped(gone) or "dead processes have left nothing behind")
        left = await remove_resources(engine, yes) if everything else 0
        left += await remove_images(engine, yes) if images else 0
    return 1 if left else 0


async def remove_resources(engine: Containers, yes: bool) -> int:
    """Remove everything that is ours; returns how much is still there."""
    found = await engine.resources()
    if not found:
        return 0
    console.plain(table(found, time.time()))
    if not (yes or _agreed(f"remove {count(found)}, which living processes may use?")):
        return 0
    order = {"container": 0, "network": 1, "volume": 2}
    for item in sorted(found, key=lambda item: order[item.kind]):
        await engine.remove(item)
    left = await engine.resources()
    console.note(f"removed {count(_without(found, left)) or 'nothing'}")
    return len(left)


def _without(found: Sequence[Resource], left: Sequence[Resource]) -> list[Resource]:
    still = {item.id for item in left}
    return [item for item in found if item.id not in still]


async def remove_images(engine: Containers, yes: bool) -> int:
    """Remove the images that hud built; returns how many are in use."""
    tags = _tags(await engine.images())
    for tag in tags:
        console.plain(tag)
    if not tags or not (yes or _agreed(f"remove {len(tags)} images?")):
        return 0
    gone = [await engine.remove_image(tag) for tag in tags]
    console.note(f"removed {sum(gone)} of {len(tags)} images")
    return gone.count(False)


def _tags(images: Sequence[Image]) -> list[str]:
    return sorted({tag for image in images for tag in image.tags})


def _agreed(question: str) -> bool:
    if not console.is_terminal(sys.stdin):
        raise UserError("this removes what may be in use, and nobody can be asked", hint="--yes")
    return typer.confirm(question, err=True)

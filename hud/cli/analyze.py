"""`hud analyze`: list what an environment offers."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from hud.cli import console
from hud.debug import Analysis, Options, Request, as_markdown, open_target
from hud.debug import analyze as list_offers


class Format(StrEnum):
    """How the listing is printed."""

    markdown = "markdown"
    json = "json"


def analyze(
    target: Annotated[
        str, typer.Argument(help="An image, a folder, a module such as env:env, or a URL.")
    ] = ".",
    docker_arguments: Annotated[
        list[str] | None, typer.Argument(help="Options of `docker run`: -e KEY=VALUE, -m 4g, …")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", "-f", help="How to print it.")
    ] = Format.markdown,
    timeout: Annotated[
        float, typer.Option(min=1.0, help="Seconds that a server has until it answers.")
    ] = Options.start_seconds,
) -> int:
    """List tools, scenarios, resources and prompts of an environment."""
    request = Request(target, tuple(docker_arguments or ()))
    analysis = asyncio.run(_run(request, Options(start_seconds=timeout)))
    if form is Format.json:
        console.data(analysis.model_dump_json(indent=2))
    else:
        console.plain(as_markdown(analysis))
    return 0


async def _run(request: Request, options: Options) -> Analysis:
    async with open_target(request) as target:
        return await list_offers(target, options)

"""`hud dev`: serve an environment to MCP clients, and reload it on every save.

This module only reads the command line and starts what loads slowest; `hud.cli.serving` does the
rest.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hud.cli.interrupts import ending_at_once
from hud.dev.forking.launch import Launched, launched_early
from hud.dev.ports import listen
from hud.dev.target import (
    Source,
    Surroundings,
    is_in_container,
    read_source,
)
from hud.errors import UserError


@dataclass(frozen=True)
class DevOptions:
    """The options of the command line."""

    watch: tuple[str, ...]
    env: tuple[str, ...]
    host: str
    port: int
    stdio: bool
    plays: bool
    inspector: bool
    interactive: bool
    per_client: bool
    poll: bool
    verbose: bool
    around: Surroundings


def dev(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODULE[:ATTRIBUTE]] [IMAGE] [-- COMMAND …]",
            help="What to serve; by default the environment in env.py, environment.py, main.py.",
        ),
    ] = None,
    watch: Annotated[
        list[str] | None,
        typer.Option("--watch", "-w", help="Reload when this file or folder changes; repeatable."),
    ] = None,
    port: Annotated[int, typer.Option("--port", "-p", help="Port to serve on.")] = 8765,
    host: Annotated[
        str | None, typer.Option(help="Address to serve on; by default this machine only.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Serve what the server at this URL offers.")
    ] = None,
    docker: Annotated[
        bool | None,
        typer.Option(
            "--docker/--no-docker", help="Run in a container; by default if there is a Dockerfile."
        ),
    ] = None,
    per_client: Annotated[
        bool, typer.Option("--per-client", help="Give each client a container of its own.")
    ] = False,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="K=V", help="Variable for containers; K alone, too."),
    ] = None,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Serve one client over standard input and output.")
    ] = False,
    play: Annotated[
        bool | None,
        typer.Option(
            "--play/--no-play", help="Offer tools that play scenarios; by default on your machine."
        ),
    ] = None,
    inspector: Annotated[
        bool, typer.Option("--inspector", help="Say how to open MCP Inspector.")
    ] = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Call tools and play scenarios from here.")
    ] = False,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look for changes instead of being told of them.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what happens inside.")
    ] = False,
    controlled: Annotated[bool, typer.Option("--controlled", hidden=True)] = False,
) -> int:
    """Serve an environment to Cursor, Claude Code or any MCP client, and reload it on save.

    Also serves an IMAGE, a server at a --url, or a COMMAND that speaks MCP.
    Over its standard streams; over HTTP, with {port} for the port in it.
    """
    with launched_early() as launched:
        around = Surroundings(Path.cwd(), is_in_container(_lazily("hud.settings", "variable")))
        source = read_source(_with_dashes(words or []), url, docker, around)
        if controlled:
            obey = _lazily("hud.dev.forking.agent", "run")
            return int(obey(source.module, launched, plays=play is True))
        options = DevOptions(
            watch=tuple(watch or ()),
            env=tuple(env or ()),
            host=host or ("0.0.0.0" if around.in_container else "localhost"),
            port=port,
            stdio=stdio,
            plays=play if play is not None else not (stdio or around.in_container),
            inspector=inspector,
            interactive=interactive,
            per_client=per_client,
            poll=poll,
            verbose=verbose,
            around=around,
        )
        _refuse_contradictions(source, options)
        return _serve(source, options, launched)


def _serve(source: Source, options: DevOptions, launched: Launched | None) -> int:
    if options.stdio and source.kind == "module" and not options.watch:
        return int(_lazily("hud.dev.forking.direct", "serve_directly")(source.module))
    listeners = [] if options.stdio else listen(options.host, options.port)
    run = _lazily("hud.cli.serving", "run")
    return int(asyncio.run(run(source, options, listeners, launched)))


def _lazily(module: str, name: str) -> Any:
    """Something whose import takes long, and would keep the rest from starting."""
    with ending_at_once():
        return getattr(importlib.import_module(module), name)


def _with_dashes(words: list[str]) -> list[str]:
    """The words with the `--` between them, which the parser of the command line leaves out."""
    if "--" not in sys.argv:
        return words
    behind = len(sys.argv) - sys.argv.index("--") - 1
    at = len(words) - behind
    return [*words[:at], "--", *words[at:]]


def _refuse_contradictions(source: Source, options: DevOptions) -> None:
    """Refuse options that cannot have an effect.

    Raises:
        UserError: which one, and why.
    """
    if options.stdio and options.interactive:
        raise UserError("--interactive reads the input that --stdio serves", hint="leave one out")
    if options.per_client and source.kind != "docker":
        raise UserError("--per-client is about containers, and there is none", hint="add --docker")
    if options.watch and source.kind == "url":
        hint = "restart it yourself: clients are told, and keep their sessions"
        raise UserError("--watch cannot restart a server that runs elsewhere", hint=hint)

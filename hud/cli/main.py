"""The command's entry: finds the subcommand, runs it, and turns what it raises into a message and
an exit status.

Exit status: 0 success, 1 something failed, 2 the command cannot be run as given, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from hud import __version__
from hud.cli import console
from hud.cli.interrupts import ending_at_once
from hud.errors import HudError, UserError, did_you_mean

if TYPE_CHECKING:
    from typer import Typer

COMMANDS = {
    "init": "Make a new environment from the template.",
    "dev": "Serve an environment to MCP clients, and reload it on save.",
    "scenario": "List, set up and grade scenarios of a running server.",
    "eval": "Run tasks with an agent and show their rewards.",
    "show": "Show an evaluation that was run before.",
    "jobs": "List the evaluations that the controller knows.",
    "cancel": "End evaluations that run at the controller.",
    "sync": "Bring tasks, or an environment's name, in line with the controller.",
    "deploy": "Build an environment at the controller and register it there.",
    "models": "List model providers, and the models that their keys lead to.",
    "set": "Store secrets at the controller.",
    "token": "Print the token that the controller asks for.",
    "build": "Build an environment's image and write down what it offers.",
    "debug": "Find out what is wrong with an image, a folder or a module.",
    "analyze": "List what an environment offers.",
    "ps": "List the containers, networks and volumes that hud made.",
    "clean": "Remove what dead processes left behind, or everything.",
    "convert": "Turn a v4 task file into v5 JSON.",
    "version": "Print the version.",
}
"""Every command with its line of help, so that listing them loads none of them."""

HIDDEN = ("link", "login")
"""Commands that users of the hosted service may type, and that are not listed."""

FUNCTIONS = {"eval": "evaluate", "set": "set_secrets"}
"""Where a command's function cannot be called like the command."""

AHEAD = {"dev": ("hud.dev.forking.launch", "launch_ahead")}
"""What a command starts before the parser of its options is even loaded."""

TAKES_DOCKER_OPTIONS = ("debug", "analyze")
"""Commands that take options of `docker run` beside their own."""

USAGE = "usage: hud COMMAND [ARGUMENTS]"
INTERRUPTED = 128 + signal.SIGINT


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status. A bug of ours raises, with its traceback."""
    _replace_what_cannot_be_written()
    try:
        _check_installation()
        return _dispatch(sys.argv[1:] if arguments is None else arguments)
    except UserError as exc:
        console.fail(exc.message, hint=exc.hint, detail=exc.detail)
        return 2
    except HudError as exc:
        console.fail(exc.message, hint=exc.hint, detail=exc.detail)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return 1


def _check_installation() -> None:
    with ending_at_once():
        from hud.cli.beside import check_installation  # noqa: PLC0415 - Ctrl-C can meet it here
    check_installation()


def _replace_what_cannot_be_written() -> None:
    """Let characters that the terminal's encoding lacks become `?` instead of an exception."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _forget_output() -> None:
    """Send what is still to be written nowhere: the reader is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: list[str]) -> int:
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help", "help"):
        console.data(_help())
        return 0
    if name in ("-V", "--version", "version"):
        console.data(__version__)
        return 0
    if name not in COMMANDS and name not in HIDDEN:
        hint = did_you_mean(name, COMMANDS) or "list them with `hud --help`"
        raise UserError(f"there is no command `{name}`", hint=hint)
    return _run(name, rest)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {line}" for name, line in COMMANDS.items()]
    about = "Write, debug, serve and evaluate environments for AI agents, on your own machine."
    return "\n".join(
        [USAGE, "", about, "", *lines, "", "`hud COMMAND --help` says more about one."]
    )


def _run(name: str, arguments: list[str]) -> int:
    """Run one command; what its options' parser raises is told here.

    Raises:
        HudError: what the command raises.
    """
    with ending_at_once():
        if name in AHEAD:
            module, function = AHEAD[name]
            getattr(import_module(module), function)(arguments)
        import typer  # noqa: PLC0415 - listing the commands, and the version, need no parser
        from typer.exceptions import TyperException  # noqa: PLC0415 - as above

        command = typer.main.get_command(_app(name))
    try:
        result = command.main(args=arguments, prog_name=f"hud {name}", standalone_mode=False)
    except typer.Exit as exc:
        return exc.exit_code
    except typer.Abort:
        return INTERRUPTED
    except TyperException as exc:
        console.fail(exc.format_message(), hint=f"see `hud {name} --help`")
        return 2
    return result if isinstance(result, int) else 0


def _app(name: str) -> Typer:
    import typer  # noqa: PLC0415 - as above

    function = getattr(import_module(f"hud.cli.{name}"), FUNCTIONS.get(name, name))
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    settings = {"ignore_unknown_options": name in TAKES_DOCKER_OPTIONS}
    app.command(name, context_settings=settings)(function)
    return app

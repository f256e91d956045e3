"""The command's entry: finds the subcommand, runs it, and turns what it raises into a message and an exit status.

Exit status: 0 success, 1 something failed, 2 the command cannot be run as given, 130 interrupted.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from hud import __version__
from hud.cli.console import fail
from hud.errors import HudError, UserError

COMMANDS = {
    "init": "Make a new environment from the template.",
    "eval": "Run tasks with an agent and show their rewards.",
    "show": "Show an evaluation that was run before.",
    "debug": "Find out what is wrong with an image, a folder or a module.",
    "analyze": "List what an environment offers.",
    "convert": "Turn a v4 task file into v5 JSON.",
    "version": "Print the version.",
}
"""Every command with its line of help, so that listing them loads none of them."""


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name == "version":
            return click.Command("version", callback=lambda: click.echo(__version__), help=COMMANDS["version"])
        function = getattr(import_module(f"hud.cli.{cmd_name}"), COMMAND_FUNCTIONS.get(cmd_name, cmd_name))
        return _command(cmd_name, function)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        from hud.errors import did_you_mean  # noqa: PLC0415 - only for a mistyped command

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise UserError(f"there is no command `{args[0]}`", hint=did_you_mean(args[0], COMMANDS))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


COMMAND_FUNCTIONS = {"eval": "evaluate"}
"""Where a command's function cannot be called like the command."""

TAKES_DOCKER_OPTIONS = ("debug", "analyze")
"""Commands that take options of `docker run` beside their own."""


def _command(name: str, function: Callable[..., Any]) -> click.Command:
    import typer  # noqa: PLC0415 - only a command's own options need it, the list of commands does not

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    settings = {"ignore_unknown_options": name in TAKES_DOCKER_OPTIONS}
    app.command(name, context_settings=settings)(function)
    return typer.main.get_command(app)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="%(version)s")
def hud() -> None:
    """Write, debug, serve and evaluate environments for AI agents, on your own machine."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status. A bug of ours raises, with its traceback."""
    try:
        result = hud.main(args=arguments, prog_name="hud", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.Abort:
        return 128 + signal.SIGINT
    except click.ClickException as exc:
        fail(exc.format_message(), hint=f"see `hud {sys.argv[1]} --help`" if sys.argv[1:] else None)
        return 2
    except UserError as exc:
        fail(exc.message, hint=exc.hint, detail=exc.detail)
        return 2
    except HudError as exc:
        fail(exc.message, hint=exc.hint, detail=exc.detail)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        sys.stderr.close()
        return 1

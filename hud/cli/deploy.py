"""`hud deploy`: build an environment at the controller and register it there."""

from __future__ import annotations

import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values

from hud.cli import console
from hud.cli.asking import agreed
from hud.cli.assignments import BuildArgs, BuildSecrets, NoCache, build_secrets, pairs
from hud.cli.linked import link_to, linked
from hud.client import Client
from hud.containers.images.context import DOCKERFILES, files_to_send
from hud.containers.spec import size_in_words
from hud.errors import UserError
from hud.wire.platform import BuildRecord, DeployOptions

LARGEST = 2048 * 1024 * 1024
"""Bytes that the controller takes."""
POLL_SECONDS = 0.3
ENV_FILE = ".env"


def deploy(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The environment.")] = Path(),
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Its name at the controller.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Every environment in a subfolder of DIR.")
    ] = False,
    variables: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="K=V", help="Variable, stored as a secret; K alone."),
    ] = None,
    env_file: Annotated[
        Path | None, typer.Option(help="Take variables from this file instead of DIR/.env.")
    ] = None,
    no_env: Annotated[bool, typer.Option("--no-env", help="Do not look at DIR/.env.")] = False,
    build_args: BuildArgs = None,
    secrets: BuildSecrets = None,
    no_cache: NoCache = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List what is sent.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> int:
    """Build an environment at the controller and register it: name, version, scenarios, variables.

    Everything that .dockerignore does not name is sent, but for .git, .venv, .hud and .env.
    Exit status: 0 it is registered, 1 the build failed.
    """
    if everything and name:
        raise UserError("--name names one environment, and --all deploys several")
    given, built_with = pairs("-e", variables), build_secrets(secrets)
    options = DeployOptions(
        build_args=pairs("--build-arg", build_args),
        secrets={identity: secret_name(identity) for identity in built_with},
        no_cache=no_cache,
    )
    given |= {secret_name(identity): value for identity, value in built_with.items()}
    folders = _environments(folder) if everything else [_checked(folder)]
    with Client() as client:
        client.health()
        statuses = []
        for each in folders:
            wanted = given if no_env else _from_file(each, env_file, yes) | given
            for variable, value in wanted.items():
                client.set_secret(variable, value)
                console.note(f"✓ {variable} is stored")
            called = name or linked(each, "environment")
            record = _built(client, each, options.model_copy(update={"name": called}), verbose)
            statuses.append(_tell(client, each, record, wanted))
    return max(statuses)


def secret_name(identity: str) -> str:
    """The stored secret for the build secret of that id: `npm-token` is `NPM_TOKEN`."""
    plain = "".join(char if char.isascii() and char.isalnum() else "_" for char in identity)
    return f"_{plain}".upper() if plain[:1].isdigit() else plain.upper()


def _checked(folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f"`{folder}` is not a folder")
    if not _is_environment(folder):
        raise UserError(
            f"there is neither a Dockerfile nor an environment's Python file in `{folder}`",
            hint="hud init makes an environment",
        )
    return folder


def _environments(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"`{folder}` is not a folder")
    found = [path for path in sorted(folder.iterdir()) if path.is_dir() and _is_environment(path)]
    if not found:
        raise UserError(f"no subfolder of `{folder}` is an environment", hint="hud init NAME")
    return found


def _is_environment(folder: Path) -> bool:
    if any((folder / name).is_file() for name in DOCKERFILES):
        return True
    return any("Environment(" in path.read_text("utf-8", "replace") for path in folder.glob("*.py"))


def _from_file(folder: Path, env_file: Path | None, yes: bool) -> dict[str, str]:
    """The variables of a file, if there is one and the user agrees."""
    path = env_file or folder / ENV_FILE
    if not path.is_file():
        if env_file is not None:
            raise UserError(f"`{path}` cannot be read: there is no such file")
        return {}
    found = {key: value for key, value in dotenv_values(path).items() if value}
    if not found:
        return {}
    if env_file is None and not yes and not console.is_terminal(sys.stdin):
        console.note(f"{path} is left alone (--env-file {path} takes its variables)")
        return {}
    question = f"store {', '.join(found)} of {path} at the controller?"
    return found if env_file or agreed(question, yes=yes) else {}


def _built(client: Client, folder: Path, options: DeployOptions, verbose: bool) -> BuildRecord:
    """Send a folder, and show its build until it has ended."""
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(temporary) / "context.tar.gz"
        count = _pack(folder, archive, verbose)
        size = size_in_words(archive.stat().st_size)
        console.note(f"→ sending {count} files of {folder.resolve().name} ({size})")
        record = client.deploy(archive, options)
    for line in _log(client, record):
        console.note(f"  | {line}")
    return client.build(record.id)


def _pack(folder: Path, archive: Path, verbose: bool) -> int:
    """Write the folder's archive; how many files it holds."""
    root = folder.resolve()
    files = files_to_send(folder, LARGEST)
    with tarfile.open(archive, "w:gz", dereference=False) as tar:
        for relative in files:
            tar.add(root / relative, relative, recursive=False)
            if verbose:
                console.note(f"  {relative}")
    return sum((root / relative).is_file() for relative in files)


def _log(client: Client, record: BuildRecord) -> Iterator[str]:
    """The lines of a build's log, until it has ended."""
    position = 0
    while True:
        has_ended = client.build(record.id).status != "running"
        page = client.build_log(record.id, position)
        yield from page.lines
        position = page.next
        if has_ended and not page.lines:
            return
        if not page.lines:
            time.sleep(POLL_SECONDS)


def _tell(client: Client, folder: Path, record: BuildRecord, given: Mapping[str, str]) -> int:
    """Say how a build ended, and what to do next; the exit status."""
    if record.status != "passed":
        reason = record.error or f"the build was {record.status}"
        console.fail(reason, hint=record.hint, detail=record.detail)
        return 1
    link_to(folder, environment=record.environment)
    environment = client.environment(record.environment)
    took = f" in {record.seconds:.1f} s" if record.seconds is not None else ""
    console.note(f"✓ {environment.name} version {environment.version}{took}")
    for name in sorted(given.keys() - set(environment.variables)):
        console.warn(f"{name} stays outside: [tool.hud] variables does not declare it")
    if environment.missing:
        console.warn(f"no value for {', '.join(environment.missing)}")
        console.note(f"→ hud set {environment.missing[0]}=…")
    console.note(f'→ env.connect_hub("local/{environment.name}")')
    console.data(environment.name)
    return 0

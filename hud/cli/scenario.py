"""`hud scenario`: list, set up and grade the scenarios of a running server, in one session over
several commands.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from hud.cli import console
from hud.dev.caller import Caller, SessionGone
from hud.dev.scenarios import grade, list_scenarios, set_up
from hud.errors import ConnectionFailure, UserError
from hud.settings import USER_DIR

SESSIONS = USER_DIR / "scenario-sessions"


class Action(StrEnum):
    """What to do."""

    LIST = "list"
    SETUP = "setup"
    GRADE = "grade"
    RUN = "run"


def scenario(
    action: Annotated[Action, typer.Argument(help="list, setup, grade, or run: both at once.")],
    name: Annotated[str | None, typer.Argument(help="The scenario's name.")] = None,
    url: Annotated[
        str, typer.Option("--url", "-u", help="Where the server is.")
    ] = "http://localhost:8765/mcp",
    args: Annotated[
        str, typer.Option("--args", "-a", help='Arguments as JSON: {"word": "strawberry"}.')
    ] = "{}",
    answer: Annotated[
        str | None, typer.Option("--answer", "-A", help="The answer to grade.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="Name of the session; by default this terminal's.")
    ] = None,
) -> int:
    """Play a scenario of a running `hud dev` by hand: set it up, use its tools, grade it.

    `setup` and a later `grade` belong to one session: each terminal has one.
    --session names others.
    """
    if action is Action.LIST:
        return _list(url)
    if name is None:
        raise UserError(f"{action} needs a scenario's name", hint="hud scenario list")
    kept = KeptSession.of(url, session)
    match action:
        case Action.SETUP:
            return _setup(kept, name, _arguments(args))
        case Action.GRADE:
            return _grade(kept, name, answer)
        case _:
            return _run(url, name, _arguments(args), answer)


def _list(url: str) -> int:
    caller = Caller(url)
    caller.open()
    with contextlib.closing(caller):
        for found in list_scenarios(caller):
            console.plain(f"{found.signature}  {found.description}".rstrip())
    return 0


def _setup(kept: KeptSession, name: str, arguments: dict[str, Any]) -> int:
    caller = Caller(kept.url, kept.read())
    try:
        if caller.session_id is None:
            caller.open()
        prompt = set_up(caller, name, arguments)
    except SessionGone:
        caller = Caller(kept.url)
        caller.open()
        prompt = set_up(caller, name, arguments)
    kept.write(caller.session_id)
    console.plain(prompt)
    return 0


def _grade(kept: KeptSession, name: str, answer: str | None) -> int:
    session_id = kept.read()
    hint = f"hud scenario setup {name}"
    if session_id is None:
        raise UserError(f"scenario `{name}` was not set up from here", hint=hint)
    try:
        result = grade(Caller(kept.url, session_id), name, answer)
    except SessionGone as exc:
        kept.write(None)
        raise ConnectionFailure(exc.message, hint=hint) from exc
    _show(result)
    return 0


def _run(url: str, name: str, arguments: dict[str, Any], answer: str | None) -> int:
    caller = Caller(url)
    caller.open()
    with contextlib.closing(caller):
        console.note(set_up(caller, name, arguments))
        _show(grade(caller, name, answer))
    return 0


def _show(result: dict[str, Any]) -> None:
    console.plain(json.dumps(result, indent=2, ensure_ascii=False))


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except ValueError as exc:
        raise UserError(f"--args {text!r} is not JSON: {exc}") from None
    if not isinstance(arguments, dict):
        hint = """--args '{"word": "strawberry"}'"""
        raise UserError(f"--args {text!r} is not a JSON object", hint=hint)
    return arguments


@dataclass(frozen=True)
class KeptSession:
    """Where a session's id is kept between commands; only its owner can read it."""

    url: str
    path: Path

    @classmethod
    def of(cls, url: str, name: str | None) -> KeptSession:
        """The session of that name with the server at `url`; without a name, that of this
        terminal.
        """
        key = f"{url}\n{name if name is not None else _terminal()}"
        return cls(url, SESSIONS / hashlib.sha256(key.encode()).hexdigest()[:24])

    def read(self) -> str | None:
        """The session's id, if there is one."""
        with contextlib.suppress(OSError):
            return self.path.read_text(encoding="ascii").strip() or None
        return None

    def write(self, session_id: str | None) -> None:
        """Keep the id, or forget it."""
        if session_id is None:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(session_id)
        draft.replace(self.path)


def _terminal() -> str:
    """What tells this terminal from others; without one, all commands belong together."""
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            return f"{os.ttyname(descriptor)} {os.getsid(0)}"
    return ""

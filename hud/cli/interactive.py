"""`hud dev --interactive`: call tools and play scenarios of the running server from the
terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

from hud.cli import console
from hud.dev.caller import Caller, SessionGone
from hud.dev.scenarios import grade, list_all, list_scenarios, set_up, text_of
from hud.errors import HudError, UserError

HELP = """  tools                     list the tools
  call TOOL {"arg": 1}      call a tool
  scenarios                 list the scenarios
  start NAME {"arg": 1}     set a scenario up and show its prompt
  submit ANSWER             give the answer and show the grade
  quit                      end the server"""
PROMPT = "hud> "


async def interact(url: str) -> None:
    """Obey the lines of standard input until `quit` or its end."""
    terminal = Terminal(url)
    console.note(HELP)
    _ask()
    lines = _lines()
    while (line := await lines.get()) is not None:
        if line.strip() == "quit":
            return
        if line.strip():
            await asyncio.to_thread(terminal.obey, line)
        _ask()


class Terminal:
    """One person's session with the server."""

    def __init__(self, url: str) -> None:
        self._caller = Caller(url)
        self._started: str | None = None
        self._commands: dict[str, Callable[[str], None]] = {
            "tools": self._tools,
            "call": self._call,
            "scenarios": self._scenarios,
            "start": self._start,
            "submit": self._submit,
            "help": lambda _: console.note(HELP),
        }

    def obey(self, line: str) -> None:
        """Do what a line says; print the result, or why there is none."""
        word, _, rest = line.strip().partition(" ")
        try:
            if word not in self._commands:
                raise UserError(f"there is no command `{word}`", hint="help")
            if self._caller.session_id is None:
                self._caller.open()
            self._commands[word](rest.strip())
        except SessionGone as exc:
            self._caller = Caller(self._caller.url)
            console.fail(exc.message, hint="try again")
        except HudError as exc:
            console.fail(exc.message, hint=exc.hint, detail=exc.detail)

    def _tools(self, _: str) -> None:
        for tool in list_all(self._caller, "tools/list", "tools"):
            schema = tool.get("inputSchema") or {}
            names = ", ".join(schema.get("properties") or {})
            about = next(iter(str(tool.get("description") or "").splitlines()), "")
            console.plain(f"{tool.get('name')}({names})  {about}".rstrip())

    def _call(self, rest: str) -> None:
        name, arguments = _named(rest)
        result = self._caller.ask("tools/call", {"name": name, "arguments": arguments})
        if result.get("isError"):
            console.fail(text_of(result))
        else:
            console.plain(text_of(result))

    def _scenarios(self, _: str) -> None:
        for scenario in list_scenarios(self._caller):
            console.plain(f"{scenario.signature}  {scenario.description}".rstrip())

    def _start(self, rest: str) -> None:
        name, arguments = _named(rest)
        console.plain(set_up(self._caller, name, arguments))
        self._started = name

    def _submit(self, answer: str) -> None:
        if self._started is None:
            raise UserError("no scenario was started", hint="start NAME")
        console.plain(json.dumps(grade(self._caller, self._started, answer), indent=2))


def _named(text: str) -> tuple[str, dict[str, Any]]:
    """A name, and the JSON object behind it."""
    name, _, rest = text.partition(" ")
    if not name:
        raise UserError("there is no name", hint="help")
    try:
        arguments = json.loads(rest or "{}")
    except ValueError as exc:
        raise UserError(f"{rest!r} is not JSON: {exc}") from None
    if not isinstance(arguments, dict):
        raise UserError(f"{rest!r} is not a JSON object", hint='{"name": "value"}')
    return name, arguments


def _ask() -> None:
    sys.stderr.write(PROMPT)
    sys.stderr.flush()


def _lines() -> asyncio.Queue[str | None]:
    """The lines of standard input as they come; None at its end. A thread reads them, which nothing
    waits for.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def pump() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=pump, daemon=True).start()
    return lines

"""A shell that stays: its working directory and variables outlive each command.

1. A command is evaluated by the shell itself, its input empty; what ends it is a marker that the
   shell prints on both streams afterwards, so an unfinished quotation is an error and not a wait
   without end.
2. Its time is over: everything that was started in the shell is killed, and the shell with it.
3. Output is read all the time, so neither ten megabytes nor a talkative background process blocks
   the shell.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
from asyncio.subprocess import Process
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import anyio

from hud.errors import ToolError
from hud.tools.system.capture import MAX_OUTPUT
from hud.tools.system.process import Child, Command, start
from hud.tools.system.user import tool_user
from hud.tools.types import ContentResult

PROLOGUE = r"""__hud_done() { local status=$?
  builtin printf '\036%s\036%d\036' "$1" "$status"
  builtin printf '\036%s\036\036' "$1" >&9
  return "$status"
}
"""
"""Tells the end of a command and its status, and leaves `$?` to the next one."""


@dataclass(frozen=True)
class Execution:
    """What one command did."""

    stdout: str
    stderr: str
    status: int | None
    """Its exit status; None if its time was over."""
    ended_shell: bool = False
    """Whether it ended the shell itself."""


class Shell:
    """One bash process, started by `start` and used by one command at a time."""

    command: str = "/bin/bash"
    DEFAULT_TIMEOUT: float = 120.0

    def __init__(
        self,
        timeout: float = DEFAULT_TIMEOUT,
        *,
        cwd: str | Path | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> None:
        """Describe the shell.

        Nothing is started. `timeout`: seconds for each command; `max_output`: bytes kept.
        """
        self._started = False
        self._timed_out = False
        self._timeout = timeout
        self._process: Process | None = None
        self._cwd = cwd
        self._max_output = max_output
        self._child: Child | None = None
        self._turn = anyio.Lock()

    async def start(self) -> None:
        """Start the shell, unless it runs.

        Raises:
            ToolError: there is no such program or folder.
        """
        if self.is_alive():
            return
        self._discard()
        command = Command(shlex.split(self.command), self._cwd, user=tool_user())
        self._child = await start(command, limit=self._max_output)
        self._process = self._child.process
        await self._child.write(PROLOGUE.encode())
        self._started, self._timed_out = True, False

    def is_alive(self) -> bool:
        """Whether the shell runs, in this event loop, and takes commands."""
        if not self._started or self._timed_out or self._process is None:
            return False
        child = self._child
        if child is not None and child.process is self._process:
            return child.loop is asyncio.get_running_loop() and not child.has_ended
        return self._process.returncode is None

    def stop(self) -> None:
        """Kill the shell and everything that was started in it."""
        self._discard()
        self._started = False

    async def close(self) -> None:
        """Stop, and let go of the pipes."""
        child, self._child = self._child, None
        self._started = False
        if child is not None:
            await child.close()

    async def execute(self, command: str, timeout: float | None = None) -> Execution:
        """Run a command; commands that are asked for at the same time run one after the other.

        Raises:
            ToolError: the shell was not started, has ended, or was killed when a command's time was
                over.
        """
        if "\0" in command:
            raise ToolError("the command holds a NUL character")
        async with self._turn:
            return await self._execute(self._ready(), command, timeout or self._timeout)

    def _ready(self) -> Child:
        """The running shell; one that a subclass started is taken over at its first command."""
        if not self._started or self._process is None:
            raise ToolError("the shell has not been started")
        if self._timed_out:
            raise ToolError(
                f"the shell was killed when a command took longer than {self._timeout:g} s; "
                "restart it with restart=true"
            )
        if self._child is None or self._child.process is not self._process:
            self._child = Child(self._process, limit=self._max_output)
            self._process.stdin.write(PROLOGUE.encode())  # type: ignore[union-attr]
        return self._child

    async def _execute(self, child: Child, command: str, timeout: float) -> Execution:
        token = secrets.token_hex(8)
        for stream in (child.stdout, child.stderr):
            stream.expect(token)
        script = f"eval {shlex.quote(command)} </dev/null\n__hud_done {token} 9>&2 2>/dev/null\n"
        try:
            async with asyncio.timeout(timeout):
                await child.write(script.encode("utf-8", "surrogateescape"))
                await child.until_marked()
        except TimeoutError:
            self._timed_out = True
            await child.end()
            return Execution(child.stdout.text(), child.stderr.text(), None, ended_shell=True)
        except BaseException:
            self._timed_out = True
            child.kill()
            raise
        if child.is_marked:
            return Execution(child.stdout.text(), child.stderr.text(), child.stdout.status)
        return await self._ended(child)

    async def _ended(self, child: Child) -> Execution:
        await child.settle()
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await child.process.wait()
        status = child.process.returncode
        return Execution(
            child.stdout.text(),
            child.stderr.text(),
            status if status is not None else -1,
            ended_shell=True,
        )

    def _discard(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
        elif self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        self._process = None


class ClaudeBashSession(Shell):
    """A shell whose commands answer in the form of Claude's bash tool."""

    async def run(self, command: str) -> ContentResult:
        """Run a command: its output, and as the error its error output and any exit status but 0.

        Raises:
            ToolError: its time was over, it ended the shell, or there is no shell.
        """
        done = await self.execute(command)
        error = done.stderr
        if done.status is None:
            reason = (
                f"timed out after {self._timeout:g} s: the command and everything that was started "
                "in this shell were killed, and the next command starts in a new shell"
            )
            raise ToolError(_told(reason, done))
        if done.ended_shell:
            reason = (
                f"the shell exited with status {done.status}; the next command starts in a new "
                "shell, or restart it with restart=true"
            )
            raise ToolError(_told(reason, done))
        if done.status:
            error = f"{error}\n" if error and not error.endswith("\n") else error
            error += f"[exit status {done.status}]"
        return ContentResult(output=done.stdout or None, error=error or None)


def _told(reason: str, done: Execution) -> str:
    parts = [reason]
    if done.stdout:
        parts.append(f"output so far:\n{done.stdout.rstrip()}")
    if done.stderr:
        parts.append(f"error output so far:\n{done.stderr.rstrip()}")
    return "\n".join(parts)


@dataclass(frozen=True)
class ShellCallOutcome:
    """How a command ended, in OpenAI's words."""

    type: Literal["exit", "timeout"]
    exit_code: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON data."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class ShellCommandOutput:
    """What a command said and how it ended, in OpenAI's words."""

    stdout: str
    stderr: str
    outcome: ShellCallOutcome

    def to_dict(self) -> dict[str, Any]:
        """The output as JSON data."""
        return {"stdout": self.stdout, "stderr": self.stderr, "outcome": self.outcome.to_dict()}

    def to_content_result(self) -> ContentResult:
        """The output as content."""
        return ContentResult(output=self.stdout or None, error=self.stderr or None)


class BashSession(Shell):
    """A shell whose commands answer in the form of OpenAI's shell tool."""

    def __init__(self, cwd: str | None = None, *, max_output: int = MAX_OUTPUT) -> None:
        super().__init__(cwd=cwd, max_output=max_output)

    async def run(
        self, command: str, timeout_ms: int | None = None, capture_exit_code: bool = True
    ) -> ShellCommandOutput:
        """Run a command, for at most `timeout_ms` milliseconds.

        Raises:
            ToolError: there is no running shell.
        """
        done = await self.execute(command, timeout_ms / 1000 if timeout_ms else None)
        if done.status is None:
            outcome = ShellCallOutcome("timeout")
        else:
            outcome = ShellCallOutcome("exit", done.status if capture_exit_code else None)
        return ShellCommandOutput(done.stdout, done.stderr, outcome)

"""Functions that published tools import from here."""

from __future__ import annotations

from hud.tools.coding.snippet import maybe_truncate as maybe_truncate
from hud.tools.system import process
from hud.tools.system.user import tool_user

__all__ = ["maybe_truncate", "run"]


async def run(
    command: str | list[str], input: str | None = None, timeout: float | None = 10.0
) -> tuple[int, str, str]:
    """Run a command, a text by the shell: its exit status, its output and its error output.

    Raises:
        TimeoutError: it took longer than `timeout` seconds; everything that it started was killed.
        ToolError: there is no such program.
    """
    argv = ["/bin/sh", "-c", command] if isinstance(command, str) else command
    given = None if input is None else input.encode()
    asked = process.Command(argv, user=tool_user())
    done = await process.run(asked, given=given, timeout=timeout)
    if done.status is None:
        raise TimeoutError(f"the command took longer than {timeout:g} s")
    return done.status, done.stdout, done.stderr

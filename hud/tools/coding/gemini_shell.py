"""The shell tool in the form of Gemini's command line: a fresh shell for each command."""

from __future__ import annotations

import signal
from asyncio.subprocess import DEVNULL
from dataclasses import dataclass, field
from typing import Any, ClassVar

import mcp_types

from hud.errors import ToolError
from hud.tools.system.process import Child, Command, Finished, finish, group_members, start
from hud.tools.system.user import tool_user
from hud.tools.system.workspace import Workspace
from hud.tools.tool import BaseTool
from hud.tools.types import ContentResult
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

DEFAULT_TIMEOUT_MS = 120_000


@dataclass(frozen=True)
class GeminiShellOutput:
    """What a command said and how it ended."""

    command: str
    directory: str
    stdout: str
    stderr: str
    exit_code: int | None
    signal: str | None = None
    """Name of the signal that killed the command."""
    pid: int | None = None
    """The command's process, and its group."""
    background_pids: list[int] = field(default_factory=list)
    """Processes that it left running."""

    def to_llm_content(self) -> str:
        """The lines that Gemini expects."""
        background = ", ".join(map(str, self.background_pids))
        lines = {
            "Command": self.command,
            "Directory": self.directory or "(root)",
            "Output": self.stdout.rstrip("\n") or "(empty)",
            "Error": self.stderr.rstrip("\n") or "(none)",
            "Exit Code": "(none)" if self.exit_code is None else self.exit_code,
            "Signal": self.signal or "(none)",
            "Background PIDs": background or "(none)",
            "Process Group PGID": self.pid or "(none)",
        }
        return "\n".join(f"{name}: {value}" for name, value in lines.items())

    def to_content_result(self) -> ContentResult:
        """The output as content."""
        return ContentResult(output=self.to_llm_content())


class GeminiShellTool(BaseTool):
    """Execute a shell command as `bash -c <command>`

    The command can start background processes with `&`, and its process group can be ended with
    `kill -- -PGID`.
    """

    name = "run_shell_command"
    title = "Shell"
    native_specs: ClassVar[NativeToolSpecs] = {AgentType.GEMINI: NativeToolSpec(role="shell")}

    def __init__(self, base_directory: str = ".", **described: Any) -> None:
        """Make the tool; commands run in `base_directory` or a folder below it."""
        super().__init__(**described)
        self.workspace = Workspace(base_directory)
        self._children: list[Child] = []
        """Those whose background processes run."""

    async def __call__(
        self,
        command: str,
        description: str | None = None,
        dir_path: str | None = None,
        timeout_ms: int | None = None,
    ) -> list[mcp_types.ContentBlock]:
        """Run a command.

        Args:
            command: The command.
            description: What it is for, in a few words.
            dir_path: The folder to run it in, from the tool's own.
            timeout_ms: Milliseconds that it may take.

        Raises:
            ToolError: the folder does not exist or is elsewhere.
        """
        folder = self.workspace.resolve(dir_path or ".")
        if not folder.is_dir():
            raise ToolError(f"there is no folder `{dir_path}`")
        seconds = (timeout_ms or DEFAULT_TIMEOUT_MS) / 1000
        asked = Command(["bash", "-c", command], folder, user=tool_user())
        child = await start(asked, stdin=DEVNULL)
        self._children.append(child)
        try:
            done = await finish(child, timeout=seconds)
        except BaseException:
            child.kill()
            raise
        output = _output(command, dir_path or "", done, seconds)
        if not output.background_pids:
            self._children.remove(child)
            await child.close()
        return output.to_content_result().to_content_blocks()

    async def close(self) -> None:
        """Kill the background processes."""
        while self._children:
            await self._children.pop().close()


def _output(command: str, directory: str, done: Finished, seconds: float) -> GeminiShellOutput:
    stderr, status = done.stderr, done.status
    if status is None:
        stderr = (
            f"{stderr}Command timed out after {seconds:g} seconds; its process group was killed"
        )
    killed = status is not None and status < 0
    return GeminiShellOutput(
        command=command,
        directory=directory,
        stdout=done.stdout,
        stderr=stderr,
        exit_code=None if killed else status,
        signal=signal.Signals(-status).name if killed and status is not None else None,
        pid=done.pid,
        background_pids=group_members(done.pid),
    )

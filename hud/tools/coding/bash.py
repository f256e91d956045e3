"""The bash tool: one persistent shell per tool."""

from __future__ import annotations

from typing import Any, ClassVar

import mcp_types

from hud.errors import ToolError
from hud.tools.coding.session import ClaudeBashSession
from hud.tools.tool import BaseTool
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

CLAUDE_MODELS = (
    "*claude-3-5-sonnet-*",
    "*claude-3-7-sonnet-*",
    "*claude-sonnet-4-*",
    "*claude-opus-4-*",
    "*claude-haiku-4-*",
    "*claude-4-5-sonnet-*",
    "*claude-4-5-opus-*",
)
"""The models that know Claude's bash and text editor tools of their own."""

_BashSession = ClaudeBashSession


class BashTool(BaseTool):
    """Execute bash commands in a persistent shell session"""

    name = "bash"
    title = "Bash Shell"
    native_specs: ClassVar[NativeToolSpecs] = {
        AgentType.CLAUDE: NativeToolSpec(
            api_type="bash_20250124", api_name="bash", role="shell", supported_models=CLAUDE_MODELS
        )
    }

    def __init__(
        self,
        session: ClaudeBashSession | None = None,
        timeout: float = ClaudeBashSession.DEFAULT_TIMEOUT,
        **described: Any,
    ) -> None:
        """Make the tool; its shell starts with the first command.

        `timeout` is in seconds, for each command. `described`: name, title, description, meta.
        """
        super().__init__(env=session, **described)
        self._timeout = timeout

    @property
    def session(self) -> ClaudeBashSession | None:
        """The shell, once there is one."""
        found: ClaudeBashSession | None = self.env
        return found

    @session.setter
    def session(self, session: ClaudeBashSession | None) -> None:
        self.env = session

    async def __call__(
        self, command: str | None = None, restart: bool = False
    ) -> list[mcp_types.ContentBlock]:
        """Run a command in the shell.

        The working directory, variables and background processes stay. Its input is empty: a
        command that asks for input gets none. Everything is killed when a command takes too long.

        Args:
            command: The command, or several lines of them.
            restart: Whether to start a new shell instead.

        Raises:
            ToolError: there is no command, it took too long, or it ended the shell.
        """
        if restart:
            return await self._restart()
        if command is None:
            raise ToolError("no command was given: pass `command`, or restart=true")
        session = self.session
        if session is None:
            session = self.session = ClaudeBashSession(timeout=self._timeout)
        if session._timed_out or not session.is_alive():
            await _renew(session)
        return (await session.run(command)).to_content_blocks()

    async def _restart(self) -> list[mcp_types.ContentBlock]:
        if self.session is None:
            self.session = ClaudeBashSession(timeout=self._timeout)
        await _renew(self.session)
        return [mcp_types.TextContent(text="Bash session restarted.")]

    async def close(self) -> None:
        """Kill the shell and everything that was started in it.

        The next command starts a new one.
        """
        if self.session is not None:
            await self.session.close()


async def _renew(session: ClaudeBashSession) -> None:
    """Start a shell anew; a subclass may start it in its own way."""
    await session.close()
    session._timed_out = False
    await session.start()

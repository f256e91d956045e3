"""The shell tool in the form of OpenAI's: several commands a call, each with its own outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from hud.errors import ToolError
from hud.tools.coding.session import BashSession, ShellCommandOutput
from hud.tools.tool import BaseTool
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

OPENAI_MODELS = (
    *("gpt-5.1", "gpt-5.1-*", "gpt-5.2", "gpt-5.2-*", "gpt-5.3-codex"),
    *("gpt-5.4", "gpt-5.4-*"),
)
"""The models that know OpenAI's shell and patch tools of their own."""


@dataclass(frozen=True)
class ShellResult:
    """The outputs of the commands of one call, in order."""

    output: list[ShellCommandOutput]
    max_output_length: int | None = None
    """Characters to which each stream was cut, if that was asked for."""

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON data."""
        limit = self.max_output_length
        given = {"max_output_length": limit} if limit is not None else {}
        return {"output": [output.to_dict() for output in self.output], **given}


class ShellTool(BaseTool):
    """Execute shell commands in a persistent bash session"""

    name = "shell"
    title = "Shell"
    native_specs: ClassVar[NativeToolSpecs] = {
        AgentType.OPENAI: NativeToolSpec(
            api_type="shell", api_name="shell", role="shell", supported_models=OPENAI_MODELS
        )
    }

    def __init__(
        self, session: BashSession | None = None, cwd: str | None = None, **described: Any
    ) -> None:
        """Make the tool; its shell starts in `cwd` with the first command."""
        super().__init__(env=session, **described)
        self._cwd = cwd

    @property
    def session(self) -> BashSession | None:
        """The shell, once there is one."""
        found: BashSession | None = self.env
        return found

    async def __call__(
        self,
        commands: list[str] | None = None,
        timeout_ms: int | None = None,
        max_output_length: int | None = None,
    ) -> ShellResult:
        """Run commands one after the other in the shell; it stops at the first that takes too long.

        Args:
            commands: The commands.
            timeout_ms: Milliseconds that each may take.
            max_output_length: Characters of each stream to return.

        Raises:
            ToolError: there are no commands.
        """
        if not commands:
            raise ToolError("no commands were given: pass `commands`")
        session = self.env = self.env or BashSession(cwd=self._cwd)
        outputs: list[ShellCommandOutput] = []
        for command in commands:
            if not session.is_alive():
                await session.close()
                await session.start()
            done = await session.run(command, timeout_ms=timeout_ms)
            outputs.append(_cut(done, max_output_length))
            if done.outcome.type == "timeout":
                break
        return ShellResult(outputs, max_output_length)

    async def close(self) -> None:
        """Kill the shell and everything that was started in it."""
        if self.env is not None:
            await self.env.close()


def _cut(output: ShellCommandOutput, limit: int | None) -> ShellCommandOutput:
    if limit is None:
        return output
    stdout, stderr = output.stdout[:limit], output.stderr[:limit]
    return replace(output, stdout=stdout, stderr=stderr)

"""Grading by a command: it passes if the command does."""

from __future__ import annotations

from typing import Any, ClassVar

from hud.native.grade import Grader
from hud.tools.system.process import Command, run


class BashGrader(Grader):
    """1.0 if a shell command ends with status 0, else 0.0.

    The command runs in a login shell, so its `PATH` is the login's, and with the rights of this
    process. What it leaves running is killed.
    """

    name: ClassVar[str] = "BashGrader"
    default_timeout: ClassVar[float] = 600

    @classmethod
    async def compute_score(  # type: ignore[override]
        cls,
        command: str,
        cwd: str | None = None,
        timeout_seconds: float | None = None,
        **kwargs: Any,
    ) -> tuple[float, dict[str, Any]]:
        """Run the command; the metadata are `exit_code`, `stdout` and `stderr`.

        If it takes longer than `timeout_seconds`, it is killed with everything that it started, and
        the metadata say `timed_out`.

        Raises:
            ToolError: there is no bash, or no folder `cwd`.
        """
        limit = cls.default_timeout if timeout_seconds is None else timeout_seconds
        done = await run(Command(["/bin/bash", "-lc", command], cwd), timeout=limit)
        told: dict[str, Any] = {
            "exit_code": done.status,
            "stdout": done.stdout,
            "stderr": done.stderr,
        }
        if done.timed_out:
            told |= {"timed_out": True, "timeout": limit}
        return float(done.status == 0), told

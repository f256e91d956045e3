"""The `hud` command in this process: the same entry, without the time that an interpreter takes to
start. For commands that only speak to a controller; what loads authors' code needs `Command`.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from hud.cli.main import main
from tests.command import Command, Finished


@dataclass(frozen=True)
class Inside(Command):
    """A command line that is run here; `start` still makes a process."""

    def __call__(self, *arguments: str, stdin: str = "", timeout: float = 60.0) -> Finished:
        """Run it to its end, with its own variables, folder and streams."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as here, redirect_stdout(out), redirect_stderr(err):
            for name in set(os.environ) - set(self.env):
                here.delenv(name)
            for name, value in self.env.items():
                here.setenv(name, value)
            here.chdir(self.cwd)
            here.setattr(sys, "stdin", io.StringIO(stdin))
            status = main(list(arguments))
        return Finished(status, out.getvalue(), err.getvalue())

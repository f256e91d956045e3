"""Serving once for nobody leaves a process that can still be forked."""

from __future__ import annotations

from tests.command import Command

PROGRAM = """
from hud.dev.forking.rehearsal import rehearse
from hud.runtime.forkserver import fork_hazard
rehearse()
print(fork_hazard())
"""


def test_every_kind_of_request_is_answered_and_no_thread_is_left(python: Command) -> None:
    ended = python("-W", "error", "-c", PROGRAM)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("None\n", "", 0)

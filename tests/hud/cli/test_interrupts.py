"""Ctrl-C while a command loads."""

from __future__ import annotations

import signal

import pytest

from tests.command import Command

PROGRAM = """
import os, signal
from hud.cli.interrupts import ending_at_once
{before}
with ending_at_once():
    {inside}
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"


def test_it_ends_the_process_without_a_traceback(python: Command) -> None:
    ended = python("-c", PROGRAM.format(before="", inside=INTERRUPT))
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(
    ("before", "inside", "is_usual"),
    [("", "pass", "True"), ("signal.signal(signal.SIGINT, signal.SIG_IGN)", INTERRUPT, "False")],
    ids=["usual", "ignored"],
)
def test_afterwards_it_is_handled_as_before(
    python: Command, before: str, inside: str, is_usual: str
) -> None:
    ended = python("-c", PROGRAM.format(before=before, inside=inside))
    assert (ended.returncode, ended.stdout.strip()) == (0, is_usual)

"""What a process that runs an author's code owes the one that started it: to have no more rights
than it was given, and to end with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from hud.runtime.forkserver import PR_SET_PDEATHSIG
from hud.settings import variable

RUN_AS = "HUD_RUN_AS"
"""Variable that names the user, as `1000` or `1000:1000`."""
_PR_SET_DUMPABLE = 4


def step_down() -> None:
    """Become the user that the environment names, for good; nothing where it names none, or where
    this process is not root's.
    """
    wanted = variable(RUN_AS)
    os.environ.pop(RUN_AS, None)
    if wanted is None or os.getuid() != 0:
        return
    user, _, group = wanted.partition(":")
    os.setgroups([])
    os.setgid(int(group or user))
    os.setuid(int(user))
    if sys.platform == "linux":
        # The kernel hides a process's own files in /proc from it once it has changed its user.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when the one that started it, `parent`, ends. To be said
    after stepping down, which takes it back.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have ended before the kernel was told.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)

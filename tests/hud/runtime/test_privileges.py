"""Root's processes become the user that they are told to, for good."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hud.runtime.privileges import RUN_AS
from tests.command import ROOT

SCRIPT = """
import os, sys
sys.path.append(sys.argv[1])
from hud.runtime.privileges import step_down
step_down()
print(os.getuid(), os.getgid(), os.getgroups(), "HUD_RUN_AS" in os.environ)
try:
    os.setuid(0)
except PermissionError:
    print("for good")
print(len(os.listdir("/proc/self/fd")) > 0)
"""


def after_stepping_down(**variables: str) -> list[str]:
    """What a process says of itself."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, str(ROOT)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("wanted", "ids"), [("10001", "10001 10001"), ("10001:10002", "10001 10002")]
)
def test_root_becomes_the_user_that_is_named(wanted: str, ids: str) -> None:
    assert after_stepping_down(**{RUN_AS: wanted}) == [f"{ids} [] False", "for good", "True"]


def test_without_a_user_nothing_changes() -> None:
    said = after_stepping_down()
    assert said[0].startswith(f"{os.getuid()} {os.getgid()} ")

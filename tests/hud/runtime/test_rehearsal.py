from __future__ import annotations

import subprocess
import sys

from hud.runtime.rehearsal import TIMES

REHEARSE = """
from hud.runtime.forkserver import fork_hazard
from hud.runtime.host import play
from hud.runtime.rehearsal import rehearse

plays = []

async def counted(task, connection):
    await play(task, connection)
    plays.append(task.scenario)

rehearse(counted)
print(len(plays), fork_hazard())
"""


def test_a_rehearsal_plays_whole_rollouts_and_leaves_the_host_able_to_fork() -> None:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", REHEARSE],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (finished.stdout, finished.stderr) == (f"{TIMES} None\n", "")

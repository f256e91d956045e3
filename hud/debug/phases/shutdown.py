"""Phase 7: the server ends on SIGTERM, well and in time, and leaves nothing."""

from __future__ import annotations

from hud.debug.evidence import Kind
from hud.debug.examination import Examination, Passed
from hud.debug.targets.target import CheckFailure, Ending

CLEAN = (0, 143)
"""Exit codes of a server that ended well: of its own accord, or by SIGTERM."""


WAITED = "SIGTERM alone did not end the server: it went on until its stdin was closed as well"


async def shut_down(examination: Examination) -> Passed:
    """The server ends within its grace period with a clean exit code; nothing of any server is
    left.
    """
    ending = await examination.link.server.stop(examination.options.grace)
    _check(ending)
    await examination.close()
    left = await examination.target.leftovers()
    if left:
        raise CheckFailure(f"still there after the end: {', '.join(left)}", kind=Kind.LEFTOVERS)
    told = f"exit code {ending.exit_code} after {ending.seconds:.1f} s, nothing left"
    return Passed((told,), (WAITED,) if ending.way == "closed" else ())


def _check(ending: Ending) -> None:
    if ending.way == "killed":
        told = f"the server did not end within {ending.seconds:.0f} s of SIGTERM and was killed"
        raise CheckFailure(told, kind=Kind.SHUTDOWN)
    if ending.exit_code not in CLEAN:
        told = f"the server ended with exit code {ending.exit_code} on SIGTERM"
        raise CheckFailure(told, kind=Kind.SHUTDOWN)

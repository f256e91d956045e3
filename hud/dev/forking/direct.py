"""An environment over standard input and output, in this process: what published images run, `hud
dev env:env --stdio`.

There is nothing to reload, so there is no gateway and no other process: it starts as fast as it can
be imported.
"""

from __future__ import annotations

import asyncio
import os
import sys

from hud.environment.modules import find_environment
from hud.environment.server import claimed_streams, serve
from hud.errors import HudError, StartFailure


def serve_directly(target: str | None) -> int:
    """Serve the environment that `target` names until the client goes or a signal comes; returns
    the exit status.

    What the author's code prints goes to standard error, from its import on.

    Raises:
        StartFailure: the environment cannot be loaded; `detail` is the author's traceback.
    """
    with claimed_streams() as streams:
        sys.path.insert(0, os.getcwd())
        try:
            env = find_environment(target)
        except HudError as exc:
            raise StartFailure(exc.message, hint=exc.hint, detail=exc.detail) from exc
        asyncio.run(serve(env, "stdio", streams=streams))
    return 0

"""`hud dev` in containers: what is asked of them, and what becomes of it where there is no
engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from hud.cli import console
from hud.cli.devlog import show_line
from hud.containers import EngineUnavailable
from hud.dev.containers.opening import Opened, Wanted, open_containers
from hud.dev.target import Source
from hud.dev.watcher import WatchList
from hud.errors import UserError
from hud.settings import variable

if TYPE_CHECKING:
    from hud.cli.dev import DevOptions


async def open_backend(
    source: Source, options: DevOptions, watched: WatchList, stack: AsyncExitStack
) -> Opened | None:
    """Containers; None where there is no engine and none has to be.

    Raises:
        EngineUnavailable: there is no engine.
    """
    wanted = Wanted(
        folder=options.around.folder,
        module=source.module,
        image=source.image,
        watched=watched.paths,
        plays=options.plays,
        per_client=options.per_client,
        variables=_variables(options.env),
    )
    try:
        return await stack.enter_async_context(open_containers(wanted, show_line))
    except EngineUnavailable as exc:
        if source.needs_engine or options.per_client:
            raise
        console.warn(f"the Dockerfile is not used: {exc.message}")
        console.note("  start an engine, or say --no-docker")
        return None


def _variables(words: Sequence[str]) -> dict[str, str]:
    """The variables of `NAME=VALUE`, or of `NAME` with this machine's value.

    Raises:
        UserError: there is none.
    """
    given = {}
    for word in words:
        name, equals, value = word.partition("=")
        own = value if equals else variable(name)
        if own is None:
            raise UserError(f"variable `{name}` has no value here", hint=f"-e {name}=VALUE")
        given[name] = own
    return given

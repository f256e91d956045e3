"""Why an evaluation cannot begin: what `hud debug` finds out about an image that does not serve."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

from hud.errors import StartFailure

HANDSHAKE = 2
"""The phase up to which an image is examined: its server answers."""


async def diagnosed(failure: StartFailure, source: str) -> StartFailure:
    """The failure of an image's server to start, told as the phase that finds it, with its remedy.

    `source` is that of the tasks. Where the examination finds nothing, the failure stays as it is.
    """
    # Loaded here, as an evaluation that begins has no use for it.
    from hud.containers import Engine  # noqa: PLC0415
    from hud.debug import debug  # noqa: PLC0415
    from hud.debug.targets.image import ImageTarget  # noqa: PLC0415
    from hud.runtime.container import spec_for  # noqa: PLC0415
    from hud.runtime.project import find_project, variables_of  # noqa: PLC0415

    project = find_project(Path(source))
    variables = variables_of(project, {})
    spec = spec_for(project.image, env_vars=variables, sandbox=project.sandbox)
    async with Engine() as engine:
        phases = debug(ImageTarget(engine, spec), max_phase=HANDSHAKE)
        async with aclosing(phases) as events:
            async for event in events:
                if event.remedy is not None:
                    where = f"phase {event.phase.number} of `hud debug {project.image}`"
                    told = f"{event.title} ({where}): {event.remedy.error}"
                    return StartFailure(told, hint=event.remedy.fix, detail=failure.detail)
    return failure

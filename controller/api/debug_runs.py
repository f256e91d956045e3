"""Debug runs: an environment or an image, examined phase by phase."""

from __future__ import annotations

from controller.api.services import Name, PlatformDep, resource
from hud.wire.platform import DebugRecord, DebugRequest

router = resource("debug runs")


@router.post("/debug-runs", status_code=202)
async def start_debug_run(platform: PlatformDep, request: DebugRequest) -> DebugRecord:
    """Examine an environment or an image; the phases come one after the other."""
    return await platform.debugging.start(request)


@router.get("/debug-runs")
async def list_debug_runs(platform: PlatformDep) -> list[DebugRecord]:
    """The newest examinations."""
    return await platform.debugging.list()


@router.get("/debug-runs/{run}")
async def get_debug_run(platform: PlatformDep, run: Name) -> DebugRecord:
    """One examination."""
    return await platform.debugging.get(run)


@router.post("/debug-runs/{run}/cancel")
async def cancel_debug_run(platform: PlatformDep, run: Name) -> DebugRecord:
    """End an examination."""
    return await platform.debugging.cancel(run)

"""Whether the controller is well."""

from __future__ import annotations

from controller.api.services import PlatformDep, resource

from hud import __version__
from hud.wire.platform import Health

router = resource("controller")


@router.get("/health")
async def health(platform: PlatformDep) -> Health:
    """Whether the controller answers; needs no token."""
    return Health(
        version=__version__, started_at=platform.started_at, mcp_url=f"{platform.settings.mcp_url}/mcp"
    )

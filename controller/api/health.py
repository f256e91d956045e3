"""Whether the controller is well, and what it holds."""

from __future__ import annotations

from controller.api.services import PlatformDep, Text, resource
from controller.doctor import examine
from controller.model_gateway.offers import agent_offers
from hud import __version__
from hud.wire.models import AgentOffer, ModelUsage, ProviderModels
from hud.wire.platform import Check, Health, ProviderStatus, Storage

router = resource("controller")
open_router = resource("controller")
"""What needs no token."""


@open_router.get("/health")
async def health(platform: PlatformDep) -> Health:
    """Whether the controller answers; needs no token."""
    return Health(
        version=__version__,
        started_at=platform.started_at,
        mcp_url=f"{platform.settings.mcp_url}/mcp",
    )


@router.get("/doctor")
async def doctor(platform: PlatformDep) -> list[Check]:
    """What a look at engine, workspace, disk, store and keys found."""
    return await examine(platform)


@router.get("/storage")
async def storage(platform: PlatformDep) -> Storage:
    """What the store holds, and for how long."""
    held = await platform.store.storage()
    return held.model_copy(update={"retention_days": platform.settings.retention_days})


@router.get("/providers")
async def providers(platform: PlatformDep) -> list[ProviderStatus]:
    """The model providers, and whether there is a key for each."""
    return platform.models.providers()


@router.get("/models")
async def models(platform: PlatformDep) -> list[ProviderModels]:
    """The models that providers with a key have."""
    return await platform.models.models()


@router.get("/agents")
async def agents(platform: PlatformDep) -> list[AgentOffer]:
    """The agents that evaluations can be played with, those that have what they need first."""
    return agent_offers(await platform.models.models())


@router.get("/usage")
async def usage(platform: PlatformDep, job: Text = None) -> list[ModelUsage]:
    """What a job asked of each model through the gateway; without a job, what none asked for."""
    return await platform.models.usage(job)

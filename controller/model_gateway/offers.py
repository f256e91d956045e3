"""Which agents an evaluation can be played with here: whose key there is, and for which models."""

from __future__ import annotations

from collections.abc import Iterable

from hud.agents.catalog import AGENTS, AgentEntry, agent_of_model
from hud.agents.connection import COMPATIBLE, OPENAI
from hud.wire.models import AgentOffer, ProviderModels


def agent_offers(providers: Iterable[ProviderModels]) -> list[AgentOffer]:
    """Every agent, those that can play first."""
    by_name = {provider.name: provider for provider in providers}
    offers = [_offer(name, entry, by_name) for name, entry in AGENTS.items()]
    return sorted(offers, key=lambda offer: (not offer.is_ready, offer.models != []))


def _offer(name: str, entry: AgentEntry, providers: dict[str, ProviderModels]) -> AgentOffer:
    offer = AgentOffer(name=name, description=entry.description, is_ready=True)
    if entry.provider is None:
        return offer
    # Endpoints of one's own are kept where OpenAI's address is, and have agents of their own.
    is_open = entry.provider is COMPATIBLE
    provider = providers[OPENAI.name if is_open else entry.provider.name]
    return offer.model_copy(
        update={
            "is_ready": provider.configured and (provider.base_url is not None or not is_open),
            "variable": COMPATIBLE.url_variable if is_open else provider.variable,
            "needs_model": is_open,
            "models": [model for model in _models(provider) if _agent(model, provider) == name],
            "error": f"{provider.name}: {provider.error}" if provider.error else None,
        }
    )


def _models(provider: ProviderModels) -> list[str]:
    return [model.removeprefix("models/") for model in provider.models]


def _agent(model: str, provider: ProviderModels) -> str | None:
    if provider.name == OPENAI.name and provider.base_url is not None:
        return COMPATIBLE.name
    return agent_of_model(model)

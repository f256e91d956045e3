"""Which agents are offered, by the providers that have a key."""

from __future__ import annotations

from typing import Any

from controller.model_gateway.offers import agent_offers
from hud.wire.models import AgentOffer, ProviderModels

FREE = ["oracle", "nop"]


def _providers(**known: dict[str, Any]) -> list[ProviderModels]:
    return [
        ProviderModels(
            name=name, configured=name in known, variable=f"{name.upper()}_API_KEY",
            **known.get(name, {}),
        )
        for name in ("openai", "anthropic", "gemini")
    ]  # fmt: skip


def _ready(*offers: AgentOffer) -> dict[str, list[str]]:
    return {offer.name: offer.models for offer in offers if offer.is_ready}


def test_without_a_key_only_those_that_ask_no_model_are_ready() -> None:
    offers = agent_offers(_providers())
    assert list(_ready(*offers)) == FREE
    assert {offer.variable for offer in offers if offer.name == "claude"} == {"ANTHROPIC_API_KEY"}


def test_a_model_belongs_to_the_agent_that_can_ask_it() -> None:
    listed = ["gpt-5-mini", "computer-use-preview", "text-embedding-3-large"]
    offers = agent_offers(
        _providers(openai={"models": listed}, gemini={"models": ["models/gemini-3-pro"]})
    )
    assert _ready(*offers) == {
        "oracle": [], "nop": [], "openai": ["gpt-5-mini"], "operator": ["computer-use-preview"],
        "gemini": ["gemini-3-pro"], "gemini_cua": [],
    }  # fmt: skip


def test_all_models_of_an_endpoint_of_ones_own_are_offered() -> None:
    own = {"models": ["qwen/qwen3-coder", "gpt-5"], "base_url": "http://127.0.0.1:8000/v1"}
    ready = _ready(*agent_offers(_providers(openai=own)))
    assert ready["openai_compatible"] == ["qwen/qwen3-coder", "gpt-5"]
    assert ready["openai"] == []


def test_a_provider_that_lists_no_models_says_why() -> None:
    offers = agent_offers(_providers(anthropic={"error": "answered 401"}))
    assert [offer.error for offer in offers if offer.name == "claude"] == [
        "anthropic: answered 401"
    ]

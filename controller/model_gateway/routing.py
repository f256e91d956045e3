"""Which provider answers a request: by its protocol and the model's name.

Nothing is translated: a provider is asked in the protocol that the client speaks, which Anthropic
and Gemini offer for chat completions too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from controller.errors import NotFound
from hud.agents.connection import ANTHROPIC, GEMINI, OPENAI, Provider
from hud.errors import UserError
from hud.settings import Settings

Protocol = Literal["chat", "responses", "embeddings", "messages", "tokens"]
PROVIDERS = (OPENAI, ANTHROPIC, GEMINI)
PATHS: dict[str, Protocol] = {
    "chat/completions": "chat",
    "responses": "responses",
    "embeddings": "embeddings",
    "messages": "messages",
    "messages/count_tokens": "tokens",
}
"""What stands behind `/v1/`, and the protocol that is spoken there."""
SPOKEN: dict[str, tuple[Protocol, ...]] = {
    OPENAI.name: ("chat", "responses", "embeddings"),
    ANTHROPIC.name: ("messages", "tokens", "chat"),
    GEMINI.name: ("chat", "embeddings"),
}
"""What each provider offers."""
FAMILIES = (
    (re.compile(r"claude-.*"), ANTHROPIC),
    (re.compile(r"gemini-.*"), GEMINI),
    (re.compile(r"(gpt|chatgpt|codex|text-embedding)-.*|o\d.*"), OPENAI),
)
"""Names that say whose a model is."""


@dataclass(frozen=True)
class Target:
    """Where a request goes."""

    provider: Provider
    base_url: str
    """Up to, and without, the protocol's path; for messages without `/v1`."""
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class Keys:
    """The stored secrets, and the settings behind them."""

    secrets: Mapping[str, str]
    settings: Settings

    def key(self, provider: Provider) -> str | None:
        """A provider's key."""
        return self.secrets.get(provider.key_variable) or provider.key(self.settings)

    def url(self, provider: Provider) -> str | None:
        """A provider's address, where it is not its own one."""
        return self.secrets.get(provider.url_variable) or provider.url(self.settings)

    def is_configured(self, provider: Provider) -> bool:
        """Whether requests to a provider can be answered."""
        return bool(self.key(provider) or (provider is OPENAI and self.url(provider)))


def route(protocol: Protocol, model: str, keys: Keys) -> Target:
    """Where a request goes.

    Raises:
        UserError: no provider speaks the protocol for that model.
        NotFound: there is no key for the one that does.
    """
    chosen = _provider(protocol, model, keys)
    if not keys.is_configured(chosen):
        raise NotFound(
            f"there is no key for {chosen.name}, which has the model `{model}`",
            hint=f"hud set {chosen.key_variable}=…",
        )
    url = (keys.url(chosen) or chosen.default_url).rstrip("/")
    if chosen is ANTHROPIC and protocol == "chat":
        url += "/v1"
    return Target(chosen, url, keys.key(chosen) or "none")


def _provider(protocol: Protocol, model: str, keys: Keys) -> Provider:
    native = ANTHROPIC if protocol in ("messages", "tokens") else OPENAI
    family = next((owner for pattern, owner in FAMILIES if pattern.fullmatch(model)), native)
    # An endpoint of one's own may have models of every name.
    own_endpoint = keys.url(native) is not None
    if protocol in SPOKEN[family.name] and (keys.is_configured(family) or not own_endpoint):
        return family
    if own_endpoint:
        return native
    path = next(path for path, spoken in PATHS.items() if spoken == protocol)
    raise UserError(
        f"{family.name}, which has the model `{model}`, does not offer /v1/{path}",
        hint="nothing is translated: ask at /v1/chat/completions",
    )

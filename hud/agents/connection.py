"""Where a model provider is, and the key for it: from an agent's options, else the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hud.agents.config import ProviderConfig
from hud.errors import UserError
from hud.settings import Settings, get_settings


@dataclass(frozen=True)
class Provider:
    """A model provider and the settings that lead to it."""

    name: str
    prefix: str
    """`openai` for the settings `openai_api_key` and `openai_base_url`."""
    default_url: str
    package: str
    """The Python package that speaks to it."""
    open: bool = False
    """Whether an address alone suffices: many endpoints of one's own ask for no key."""

    @property
    def key_variable(self) -> str:
        return f"{self.prefix.upper()}_API_KEY"

    @property
    def url_variable(self) -> str:
        return f"{self.prefix.upper()}_BASE_URL"

    def key(self, settings: Settings) -> str | None:
        """The key in the settings."""
        found: str | None = getattr(settings, f"{self.prefix}_api_key")
        return found or None

    def url(self, settings: Settings) -> str | None:
        """The address in the settings."""
        found: str | None = getattr(settings, f"{self.prefix}_base_url")
        return found or None


OPENAI = Provider("openai", "openai", "https://api.openai.com/v1", "openai")
COMPATIBLE = Provider(
    "openai_compatible", "openai", "https://api.openai.com/v1", "openai", open=True
)
ANTHROPIC = Provider("anthropic", "anthropic", "https://api.anthropic.com", "anthropic")
GEMINI = Provider(
    "gemini", "gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "openai"
)


@dataclass(frozen=True)
class Connection:
    """A provider's address, the key for it, the model that is asked there, and how patiently."""

    provider: Provider
    model: str
    base_url: str
    api_key: str = field(repr=False)
    timeout: float
    """Seconds that one attempt may take."""
    retries: int
    """How often a failed attempt is repeated."""


def connect(
    provider: Provider, agent: str, config: ProviderConfig, *, client: Any = None
) -> Connection:
    """The connection that options and settings describe; a `client` brings its own key.

    Raises:
        UserError: there is no key, and the provider needs one.
    """
    settings = get_settings()
    key, url = config.api_key or provider.key(settings), config.base_url or provider.url(settings)
    if not (key or client or (provider.open and url)):
        raise _missing_key(provider, agent)
    if url and not url.startswith(("http://", "https://")):
        raise UserError(
            f"the agent `{agent}` cannot use the base URL {url!r}",
            hint=f"{provider.url_variable} is like {provider.default_url}",
        )
    return Connection(
        provider=provider,
        model=config.model,
        base_url=str(getattr(client, "base_url", None) or url or provider.default_url),
        api_key=key or "none",
        timeout=settings.provider_timeout,
        retries=settings.provider_retries,
    )


def missing_package(error: ModuleNotFoundError, package: str, agent: str) -> Exception:
    """What to raise when importing `package` failed: the error itself if that is not missing."""
    if error.name != package:
        return error
    return UserError(
        f"the agent `{agent}` needs the package `{package}`", hint="pip install 'hud-local[agents]'"
    )


def _missing_key(provider: Provider, agent: str) -> UserError:
    if provider.open:
        return UserError(
            f"the agent `{agent}` needs {provider.url_variable}, which is not set",
            hint=f"export {provider.url_variable}=http://127.0.0.1:8000/v1, or put it in .env",
        )
    return UserError(
        f"the agent `{agent}` needs {provider.key_variable}, which is not set",
        hint=f"export {provider.key_variable}=…, or put it in .env",
    )

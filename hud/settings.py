"""Every setting, read from the environment, `./.env` or `~/.hud/.env`, in that order. Nothing else
reads variables.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hud.errors import UserError

GEMINI_KEYS = AliasChoices("GEMINI_API_KEY", "GOOGLE_API_KEY")
USER_DIR = Path(os.environ.get("HUD_HOME", "~/.hud")).expanduser()
"""Where settings and tokens that belong to the user live."""


class Settings(BaseSettings):
    """Settings of the SDK and the command line; each field documents its variable."""

    model_config = SettingsConfigDict(
        env_file=(USER_DIR / ".env", ".env"),
        env_file_encoding="utf-8",
        extra="ignore",
        populate_by_name=True,
    )

    openai_api_key: str | None = Field(None, validation_alias="OPENAI_API_KEY")
    """Key for OpenAI, and for OpenAI-compatible endpoints that ask for one."""
    openai_base_url: str | None = Field(None, validation_alias="OPENAI_BASE_URL")
    """Base URL of the OpenAI API or of a compatible endpoint."""
    anthropic_api_key: str | None = Field(None, validation_alias="ANTHROPIC_API_KEY")
    """Key for Anthropic."""
    anthropic_base_url: str | None = Field(None, validation_alias="ANTHROPIC_BASE_URL")
    """Base URL of the Anthropic API."""
    gemini_api_key: str | None = Field(None, validation_alias=GEMINI_KEYS)
    """Key for Gemini."""
    gemini_base_url: str | None = Field(None, validation_alias="GEMINI_BASE_URL")
    """Base URL of Gemini's OpenAI-compatible endpoint."""
    client_timeout: float = Field(600.0, validation_alias="HUD_CLIENT_TIMEOUT", gt=0)
    """Seconds that one request to an environment may take."""
    provider_timeout: float = Field(600.0, validation_alias="HUD_PROVIDER_TIMEOUT", gt=0)
    """Seconds that one request to a model provider may take."""
    provider_retries: int = Field(4, validation_alias="HUD_PROVIDER_RETRIES", ge=0)
    """How often a failed provider request is tried again."""
    rollout_memory: int = Field(0, validation_alias="HUD_ROLLOUT_MEMORY", ge=0)
    """Bytes of private memory that one isolated rollout may use; 0 means half of the machine's
    memory.
    """
    tools_user: str | None = Field(None, validation_alias="HUD_TOOLS_USER")
    """User (`1000`, `1000:1000` or a name) that ready-made tools act as, where root runs them."""
    results_dir: Path = Field(Path(".hud"), validation_alias="HUD_RESULTS_DIR")
    """Folder that local evaluations are written to."""

    controller_url: str = Field("http://127.0.0.1:8766", validation_alias="HUD_API_URL")
    """Where the controller's HTTP API is."""
    token_file: Path = Field(USER_DIR / "token", validation_alias="HUD_TOKEN_FILE")
    """File that the controller leaves its token in; HUD_API_KEY comes before it."""

    # What the hosted service's SDK calls these; published environments read the first of them.
    api_key: str | None = Field(None, validation_alias="HUD_API_KEY")
    """Token for the controller, where its file is out of reach; published v5 environments look at
    it.
    """
    hud_gateway_url: str = Field("http://127.0.0.1:8766/v1", validation_alias="HUD_GATEWAY_URL")
    """Base URL of the controller's OpenAI-compatible model gateway."""
    telemetry_enabled: bool = Field(False, validation_alias="HUD_TELEMETRY_ENABLED")
    """Without effect, as nothing is sent; published environments set it."""

    @property
    def hud_api_url(self) -> str:
        """`controller_url`, under its published name."""
        return self.controller_url


def get_settings() -> Settings:
    """The settings as they are now: a notebook may set a key after the import.

    Raises:
        UserError: a variable's value cannot be used.
    """
    try:
        return Settings()
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        name = str(first["loc"][0])
        raise UserError(f"{name}={first['input']!r}: {first['msg']}", hint=f"unset {name}") from exc


def __getattr__(name: str) -> Settings:
    """`settings`, which published environments import: the settings as they are at that moment."""
    if name != "settings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return get_settings()


def variable(name: str) -> str | None:
    """The value of an environment variable that a user's file or a scenario names; None if it is
    unset or empty.
    """
    return os.environ.get(name) or None


def controller_token() -> str | None:
    """The token that the controller asks for; None if there is none on this machine."""
    settings = get_settings()
    if settings.api_key:
        return settings.api_key
    try:
        return settings.token_file.read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def machine_memory() -> int:
    """Bytes of memory of this machine; 0 where that is unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0

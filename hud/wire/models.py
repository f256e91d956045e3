"""What the controller's model gateway says about providers, models and their use. Pure data."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from hud.types import Usage


class ModelCall(BaseModel):
    """One request to the gateway, once it was answered."""

    at: datetime
    provider: str
    model: str
    rollout: str | None = None
    """The rollout that asked, where the request said so."""
    status: int
    """HTTP status of the answer; 499 where the client went away before its end."""
    from_cache: bool = False
    seconds: float
    """Until the end of the answer."""
    first_byte: float
    """Seconds until its beginning."""
    usage: Usage = Field(default_factory=Usage)


class ModelUsage(BaseModel):
    """What a job asked of one model, in sum."""

    provider: str
    model: str
    requests: int = 0
    failed: int = 0
    """Requests that the provider refused, or that did not come to their end."""
    from_cache: int = 0
    usage: Usage = Field(default_factory=Usage)
    """Tokens of the answers that came from the provider."""
    seconds: float = 0.0
    """Time spent waiting for the provider, over all requests."""
    slowest: float = 0.0
    """Seconds of the longest of them."""


class ProviderModels(BaseModel):
    """A provider, and the models that it offers under its key."""

    name: str
    configured: bool
    base_url: str | None = None
    variable: str
    """The secret or environment variable that holds its key."""
    models: list[str] = Field(default_factory=list)
    error: str | None = None
    """Why its models could not be listed."""


class AgentOffer(BaseModel):
    """An agent that evaluations at the controller may be played with."""

    name: str
    description: str
    is_ready: bool
    """Whether there is what it needs to ask a model, or it asks none."""
    variable: str | None = None
    """The secret that it needs; None for an agent that asks no model."""
    needs_model: bool = False
    """Whether a model has to be named, as it has none of its own."""
    models: list[str] = Field(default_factory=list)
    """Models that its provider says it has; others may be named, too."""
    error: str | None = None
    """Why its provider's models could not be listed."""
